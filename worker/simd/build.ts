// Compiles the kernels in assembly/ to kernels.wasm (relaxed SIMD) and kernels_plain.wasm. Run after every change there:
// deno run -A worker/simd/build.ts
import { main as compile } from "assemblyscript/asc";

/** The two builds: with fused multiply-adds where the processor has them, and for machines without relaxed SIMD. */
export const VARIANTS = [
  { file: "kernels.wasm", features: "simd,relaxed-simd" },
  { file: "kernels_plain.wasm", features: "simd" },
] as const;

const FOLDER = new URL("./assembly/", import.meta.url);

/**
 * Compiles one variant; needs read permission for assembly/.
 * @throws {Error} with the compiler's words, if the sources do not compile
 */
export async function buildKernels(features: string): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  // AssemblyScript adds the extension itself, so "./x.ts" is asked for as "x.ts.ts".
  const readFile = async (name: string) => {
    if (name.startsWith("~lib") || name.includes("asconfig")) return null;
    const path = name.replace(/\.ts\.ts$/, ".ts");
    return await Deno.readTextFile(new URL(path, FOLDER)).catch(() => null);
  };
  const { error, stderr } = await compile(
    // deno-fmt-ignore
    ["index.ts", "--outFile", "kernels.wasm", "-O3", "--runtime", "stub", "--noAssert", "--importMemory",
      "--enable", features, "--memoryBase", "0"],
    {
      readFile,
      writeFile: (_name, contents) => {
        if (typeof contents !== "string") binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error || !binary) throw new Error(`The kernels do not compile: ${stderr.toString() || error?.message}`);
  return binary;
}

if (import.meta.main) {
  for (const { file, features } of VARIANTS) {
    await Deno.writeFile(new URL(file, import.meta.url), await buildKernels(features));
  }
}
