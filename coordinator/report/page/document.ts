// A whole page that needs nothing else: no script, no network, whatever comes into it.
import { type Markup, markup } from "../markup.ts";
import { STYLE } from "./style.css.ts";

/** Nothing is fetched and nothing runs. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/**
 * The text of a page.
 * @param options its title and content, and what may be in it besides: its own style, and pictures that it holds itself
 */
export function documentOf(
  { title, body, style = markup``, hasPictures = false }: {
    readonly title: string;
    readonly body: Markup;
    readonly style?: Markup;
    readonly hasPictures?: boolean;
  },
): string {
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}${hasPictures ? "; img-src data:" : ""}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
${STYLE}${style}
</head>
<body>
${body}</body>
</html>
`;
  return page.text;
}
