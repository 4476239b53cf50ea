// What llvmpipe is told about the processor.
import { assertEquals } from "@std/assert";
import { softwareAdapterEnvironment } from "../../../shared/software_adapter.ts";

const cpuinfo = (flags: string) => `processor\t: 0\nmodel name\t: A CPU\nflags\t\t: ${flags}\nbugs\t\t:\n`;
const WIDE = "fpu sse4_2 avx2 avx512f avx512dq avx512cd avx512bw avx512vl amx_tile";

Deno.test("software adapter: 16 numbers at a time where the processor has room, with kernels of their own", () => {
  assertEquals(softwareAdapterEnvironment("/cache", cpuinfo(WIDE), false), {
    LP_NATIVE_VECTOR_WIDTH: "512",
    MESA_SHADER_CACHE_DIR: "/cache/kernels-512",
  });
});

Deno.test("software adapter: Mesa's own width on any other processor, system, or where one is chosen", () => {
  for (
    const flags of ["fpu sse4_2 avx2", "avx512f avx512bw avx512dq", "avx512vl_other avx512f avx512bw avx512dq", ""]
  ) {
    assertEquals(softwareAdapterEnvironment("/cache", cpuinfo(flags), false), {});
  }
  assertEquals(softwareAdapterEnvironment("/cache", "", false), {});
  assertEquals(softwareAdapterEnvironment("/cache", cpuinfo(WIDE), true), {});
});
