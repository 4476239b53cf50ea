// `deno task report`: a run's result once more, and its page drawn anew; or several runs beside each other.
import { join } from "node:path";
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { compareReports, finalBlock, parseReport, type Report, reportHtml } from "../report/mod.ts";
import { newestRun, readReportText, refuseLinks, writeReportPage } from "../storage/mod.ts";

/** The command that shows the result of a run, of the newest one if none is named; several are compared, and nothing is written. */
export function reportCommand(): Command {
  return command({
    summary: "Show a run's result and redraw its report.html, or compare several runs",
    usage: "[DIR…]",
    flags: commonFlags,
    most: Infinity,
    async run({ rest: folders }, { print }) {
      if (folders.length > 1) {
        const runs = [];
        for (const folder of folders) runs.push({ name: folder, report: await reportIn(folder) });
        for (const line of compareReports(runs)) print(line);
        return;
      }
      const folder = folders[0] ?? await newestRun("runs");
      const report = await reportIn(folder);
      await writeReportPage(folder, await reportHtml(report));
      for (const line of finalBlock(report)) print(line);
      print("");
      print(`Report: ${join(folder, "report.html")}`);
    },
  });
}

async function reportIn(folder: string): Promise<Report> {
  await refuseLinks(folder);
  return parseReport(await readReportText(folder), join(folder, "report.json"));
}
