// The real data set (Laurence Moroney, CC BY 2.0): where its two archives are, and fetching them.
import { join } from "node:path";
import { HerdError } from "../shared/errors.ts";
import { isThere } from "./cache.ts";
import type { DataProgress } from "./dataset_info.ts";
import { type Deadlines, download, type DownloadOptions, NoConnectionError, verify } from "./download.ts";
import { TEST_ZIP, TRAIN_ZIP } from "./image_layout.ts";

/** An archive of the data set. */
export interface Archive {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export const BASE_URL = "https://storage.googleapis.com/download.tensorflow.org/data/";
export const ARCHIVES: readonly Archive[] = [
  {
    name: TRAIN_ZIP,
    bytes: 149574867,
    sha256: "e2e6f70d3d549c5dd10a57165e55af253ee66ad750403f95c0fb76bb943633a9",
  },
  { name: TEST_ZIP, bytes: 11480187, sha256: "ae5fff2f4f5554791f05358108e2e05d9801b191f1896ea101402f0e7f6c32c0" },
];

export interface FetchOptions {
  readonly directory: string;
  readonly baseUrl?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DataProgress) => void) | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
  readonly deadlines?: Deadlines | undefined;
}

/**
 * Sees to it that the archives are in a directory, sound. Throws HerdError "data"; NoConnectionError only if no server
 * was reached at all.
 */
export async function fetchArchives(archives: readonly Archive[], options: FetchOptions): Promise<void> {
  const { directory, signal, onProgress, onNotice, deadlines } = options;
  const total = archives.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  let contacted = false;
  for (const { name, bytes, sha256 } of archives) {
    const file = { url: urlOf(name, options.baseUrl ?? BASE_URL), bytes, sha256 };
    const path = join(directory, name);
    const settings: DownloadOptions = {
      signal,
      onNotice,
      onBytes: (done) => onProgress?.({ phase: "download", done: before + done, total, unit: "bytes", file: name }),
      ...(deadlines && { deadlines }),
    };
    if (isThere(path)) verify(path, file);
    else {
      await download(file, path, settings).catch((error) => {
        // Half a data set is a broken download, not a machine without a network.
        throw contacted && error instanceof NoConnectionError ? new HerdError("data", error.message) : error;
      });
      contacted = true;
    }
    before += bytes;
  }
}

function urlOf(name: string, base: string): URL {
  const url = URL.parse(name, base.endsWith("/") ? base : `${base}/`);
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new HerdError("data", `HERD_DATA_URL is '${base}': give the http or https address of a folder`);
}
