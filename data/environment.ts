// Where data comes from and goes to, as the user's shell says it.
import { cacheDirectory } from "./cache.ts";
import type { DataEnvironment } from "./resolve.ts";

/**
 * What HERD_DATA_DIR, HERD_DATA_URL and HERD_CACHE_DIR say; empty ones say nothing.
 * @param environment environment variables
 * @throws {HerdError} usage, if there is neither HERD_CACHE_DIR nor a home directory to keep data in
 */
export function dataEnvironment(environment: Readonly<Record<string, string | undefined>>): DataEnvironment {
  const { HERD_DATA_DIR: dataDir, HERD_DATA_URL: dataUrl } = environment;
  return { dataDir: dataDir || undefined, dataUrl: dataUrl || undefined, cacheDir: cacheDirectory(environment) };
}
