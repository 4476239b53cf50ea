// report.json read back, of this version or an older one.
import * as v from "valibot";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { firstSchema } from "./first_reports.ts";
import { FORMAT_VERSION, type Report } from "./report.ts";
import { reportSchema } from "./report_schema.ts";

/** By version, from the first one on. */
const SCHEMAS = [firstSchema, reportSchema];

/**
 * Reads a report back. What an older one does not know is null or empty, and a learning rate that it does not know
 * is 0.
 * @throws {HerdError} data, if it is not one, saying in what, or if a newer Herd has written it
 */
export function parseReport(text: string, path: string): Report {
  let why: string;
  try {
    const json: unknown = JSON.parse(text);
    const version = versionOf(json);
    if (Number.isInteger(version) && version > FORMAT_VERSION) {
      const remedy = "open it with the Herd that wrote it, or a newer one";
      throw new HerdError(
        "data",
        `${path} is of format version ${version}, and this Herd knows ${FORMAT_VERSION}: ${remedy}`,
      );
    }
    const schema = SCHEMAS[version - 1];
    if (schema === undefined) throw new RangeError(`formatVersion: ${version} is none`);
    const result = v.safeParse(schema, json);
    if (result.success) return result.output;
    const [issue] = result.issues;
    why = `${v.getDotPath(issue) ?? "the whole"}: ${issue.message.slice(0, 200)}`;
  } catch (error) {
    if (error instanceof HerdError) throw error;
    why = messageOf(error);
  }
  throw new HerdError("data", `${path} is not a report of a run (${why}): give the folder of one`);
}

/** Of what may be a report; NaN for what is no version. */
function versionOf(json: unknown): number {
  if (typeof json !== "object" || json === null || !("formatVersion" in json)) return 1;
  return typeof json.formatVersion === "number" ? json.formatVersion : NaN;
}
