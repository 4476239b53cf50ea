// The order of workers: r2 comes before r10.
const NUMBERS = new Intl.Collator("en", { numeric: true });

/** Compares two workers, for sorting: by their names, with the numbers in them as numbers. */
export function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return NUMBERS.compare(a.id, b.id);
}
