/** `varve offsets TOPIC`: where each partition begins and ends. */
import type { Command } from "commander";
import { withLog } from "./data-log.ts";
import { type CommonOptions, count, examples } from "./options.ts";
import { formatTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

interface OffsetsOptions extends CommonOptions {
  timestamp?: number;
}

export function addOffsets(program: Command, terminal: Terminal): void {
  program
    .command("offsets")
    .summary("show where each partition of a topic begins and ends")
    .description(
      "Shows the first offset of each partition and the one behind the last record. Reads only, also while the directory is in use.",
    )
    .argument("<topic>")
    .option("--timestamp <ms>", "also the first record at or after that time, in milliseconds since 1970", count(0))
    .addHelpText("after", examples("varve offsets orders", "varve offsets orders --json --timestamp 1767225600000"))
    .action(async (name: string, _, command: Command) => {
      const { dir, json, timestamp } = command.optsWithGlobals<OffsetsOptions>();
      const rows = await withLog(dir, { readOnly: true }, async (log) => {
        const topic = log.topic(name);
        const ends = await topic.offsets("latest");
        const found = timestamp === undefined ? undefined : await topic.offsets({ timestamp });
        return (await topic.offsets("earliest")).map(({ partition, offset }, index) => ({
          topic: name,
          partition,
          earliest: offset,
          latest: ends[index].offset,
          ...(found && { offset: found[index].offset, timestamp: found[index].timestamp ?? null }),
        }));
      });
      if (json) for (const row of rows) terminal.out.json(row);
      else showTable(terminal, rows, timestamp !== undefined);
    });
}

interface Row {
  partition: number;
  earliest: number;
  latest: number;
  offset?: number;
}

function showTable({ out }: Terminal, rows: readonly Row[], isForTime: boolean): void {
  const head = ["partition", "earliest", "latest", "records", ...(isForTime ? ["at that time"] : [])];
  const cells = rows.map(({ partition, earliest, latest, offset }) => [
    partition,
    earliest,
    latest,
    latest - earliest,
    ...(isForTime ? [offset] : []),
  ]);
  for (const line of formatTable(head, cells)) out.line(line);
}
