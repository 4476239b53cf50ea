// `deno task report`: a run's result once more, and its page drawn anew; or several runs beside each other.
import { join } from "node:path";
import { HerdError } from "../../shared/errors.ts";
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { about, text } from "../../shared/cli/flags.ts";
import { compareReports, finalBlock, pairsPicture, parseReport, type Report, reportHtml } from "../report/mod.ts";
import { newestRun, readReportText, refuseLinks, writePicture, writeReportPage } from "../storage/mod.ts";

const flags = {
  ...about("leaves", {
    picture: text("FILE", "draw the pairs of the verdict into this SVG file too", undefined),
  }),
  ...commonFlags,
};

/** The command that shows the result of a run, of the newest one if none is named; several are compared, and nothing is written. */
export function reportCommand(): Command {
  return command({
    summary: "Show a run's result and redraw its page, or compare runs",
    usage: "[DIR…] [flags]",
    examples: [
      ["report", "the newest run's result"],
      ["report runs/A --picture pairs.svg", "that of another run, and its pairs as a picture"],
      ["report runs/A runs/B", "two runs beside each other"],
    ],
    flags,
    most: Infinity,
    async run({ rest: folders, values: { picture } }, { print, progress }) {
      if (folders.length > 1) {
        if (picture !== undefined) throw new HerdError("usage", "--picture is of one run: name one folder");
        const runs = [];
        for (const folder of folders) runs.push({ name: folder, report: await reportIn(folder) });
        for (const line of compareReports(runs)) print(line);
        return;
      }
      const folder = folders[0] ?? await newestRun("runs");
      const report = await reportIn(folder);
      progress.show("Drawing the report");
      await writeReportPage(folder, await reportHtml(report));
      if (picture !== undefined) await writePicture(picture, await pairsPicture(report));
      progress.clear();
      for (const line of finalBlock(report)) print(line);
      print("");
      print(`Report: ${join(folder, "report.html")}`);
      if (picture !== undefined) print(`Picture: ${picture}`);
    },
  });
}

async function reportIn(folder: string): Promise<Report> {
  await refuseLinks(folder);
  return parseReport(await readReportText(folder), join(folder, "report.json"));
}
