// `deno task doctor`: what works on this machine, what is wrong with it and what mends that; all that a bug report needs.
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { about, toggle } from "../../shared/cli/flags.ts";
import { HerdError } from "../../shared/errors.ts";
import { describeEngine, describeFacts, describeFindings } from "../doctor/describe.ts";
import { findingsOf } from "../doctor/findings.ts";
import { gatherFacts } from "../doctor/gather.ts";

const flags = { ...about("tells", { json: toggle("one JSON object, for a bug report") }), ...commonFlags };

/** The command that looks at the machine. It changes nothing, and ends with exit code 3 if the main job cannot run. */
export function doctorCommand(): Command {
  return command({
    summary: "What works here, what is wrong and what mends it",
    usage: "[--json]",
    examples: [
      ["doctor", "tries every engine; exit code 3 if the main job cannot run here"],
      ["doctor --json", "what a bug report needs; of variables only whether they are set"],
    ],
    flags,
    async run({ values: { json } }, { print, progress, version, environment }) {
      progress.show("Trying the engines, which takes some seconds");
      const facts = await gatherFacts({
        version,
        environment,
        onEngine(engine) {
          if (json) return;
          progress.clear();
          describeEngine(engine).forEach((line) => print(line));
          progress.show("Trying the next engine");
        },
      });
      progress.clear();
      const findings = findingsOf(facts);
      const problems = findings.filter(({ kind }) => kind === "problem").length;
      if (json) print(JSON.stringify({ ...facts, findings }, null, 2));
      else {
        describeFacts(facts).forEach((line) => print(line));
        print("");
        for (const line of describeFindings(findings)) print(line, line.startsWith("  ") ? "strong" : "plain");
      }
      if (problems === 0) return;
      const count = problems === 1 ? "a problem" : `${problems} problems`;
      throw new HerdError("data", `\`deno task train\` cannot run here, for ${count}: see what mends that above`);
    },
  });
}
