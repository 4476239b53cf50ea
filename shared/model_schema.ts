// Writes model.schema.json from the schema of model files: `deno task build:schema`. A test makes it again and compares.
import { toJsonSchema } from "@valibot/to-json-schema";
import { ModelFileSchema } from "./model_file.ts";

/** Where editors find it. */
export const SCHEMA_FILE = new URL("./model.schema.json", import.meta.url);

/** What model.schema.json holds: the JSON Schema (draft 2020-12) of a model file. */
export function modelSchemaText(): string {
  return `${JSON.stringify(toJsonSchema(ModelFileSchema, { target: "draft-2020-12" }), null, 2)}\n`;
}

if (import.meta.main) Deno.writeTextFileSync(SCHEMA_FILE, modelSchemaText());
