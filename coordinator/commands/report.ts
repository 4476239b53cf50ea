// `deno task report`: a run's result once more, and its page drawn anew.
import { join } from "node:path";
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { finalBlock, parseReport, reportHtml } from "../report/mod.ts";
import { newestRun, readReportText, refuseLinks, writeReportPage } from "../storage/mod.ts";

/** The command that shows the result of a run; of the newest one if none is named. */
export function reportCommand(): Command {
  return command({
    summary: "Show a run's result and redraw its report.html",
    usage: "[DIR]",
    flags: commonFlags,
    most: 1,
    async run({ rest: [given] }, { print }) {
      const folder = given ?? await newestRun("runs");
      await refuseLinks(folder);
      const report = parseReport(await readReportText(folder), join(folder, "report.json"));
      await writeReportPage(folder, reportHtml(report));
      for (const line of finalBlock(report)) print(line);
      print("");
      print(`Report: ${join(folder, "report.html")}`);
    },
  });
}
