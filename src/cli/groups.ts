/** `varve groups`: who reads what in which group, and how far; sets the offsets of a group, or deletes it. */
import { type Command, InvalidArgumentError } from "commander";
import type { ConsumerGroup, GroupDescription, OffsetReset, ResetTarget } from "../index.ts";
import { withLog } from "./data-log.ts";
import { plural } from "./numbers.ts";
import { type CommonOptions, collect, count, examples } from "./options.ts";
import { formatTable } from "./table.ts";
import { Failure, say, type Terminal } from "./terminal.ts";

interface ResetFlags extends CommonOptions {
  topic?: string[];
  toEarliest?: boolean;
  toLatest?: boolean;
  toTimestamp?: number;
  toOffset?: number;
  shiftBy?: number;
  dryRun?: boolean;
}

export function addGroups(program: Command, terminal: Terminal): void {
  const groups = program
    .command("groups")
    .summary("list, describe, reset and delete consumer groups")
    .description("Lists, describes, resets and deletes consumer groups.");
  groups.addHelpText("after", examples("varve groups describe billing", "varve groups reset billing --to-earliest"));
  addList(groups, terminal);
  addDescribe(groups, terminal);
  addReset(groups, terminal);
  addDelete(groups, terminal);
}

function addList(groups: Command, terminal: Terminal): void {
  groups
    .command("list")
    .summary("show all groups")
    .description("Shows all groups. Reads only, also while the directory is in use.")
    .action(async (_, command: Command) => {
      const { dir, json } = command.optsWithGlobals<CommonOptions>();
      const { out } = terminal;
      const found = await withLog(dir, { readOnly: true }, (log) => log.groups());
      if (json) {
        for (const group of found) out.json(group);
      } else {
        const rows = found.map(({ name, state, protocolType }) => [name, state, protocolType || undefined]);
        for (const line of formatTable(["group", "state", "protocol"], rows)) out.line(line);
      }
    });
}

function addDescribe(groups: Command, terminal: Terminal): void {
  groups
    .command("describe")
    .summary("show who is in a group, what it has committed, and its lag")
    .description(
      "Shows who is in a group, what it has committed, and its lag. Reads only, also while the directory is in use.",
    )
    .argument("<group>")
    .action(async (name: string, _, command: Command) => {
      const { dir, json } = command.optsWithGlobals<CommonOptions>();
      const description = await withLog(dir, { readOnly: true }, (log) => describe(log.group(name)));
      if (json) terminal.out.json({ ...description });
      else showDescription(terminal, description);
    });
}

function addReset(groups: Command, terminal: Terminal): void {
  groups
    .command("reset")
    .summary("set where a group goes on")
    .description(
      "Sets where a group goes on, in all that it has committed for or in the topics given. Nobody may be in it.",
    )
    .argument("<group>")
    .option("--topic <topic>", "all partitions of this topic; repeatable", collect)
    .option("--to-earliest", "to the first record")
    .option("--to-latest", "behind the last one")
    .option("--to-timestamp <ms>", "to the first record at or after that time, in milliseconds since 1970", count(0))
    .option("--to-offset <offset>", "to that offset", count(0))
    .option("--shift-by <number>", "so many offsets on or, with a minus, back", wholeNumber)
    .option("--dry-run", "show what would be done, and do nothing")
    .addHelpText(
      "after",
      examples(
        "varve groups reset billing --to-earliest --dry-run",
        "varve groups reset billing --topic orders --shift-by -10",
      ),
    )
    .action(async (name: string, _, command: Command) => {
      const flags = command.optsWithGlobals<ResetFlags>();
      const { dir, json, topic: topics, dryRun = false } = flags;
      const to = targetOf(flags, command);
      const resets = await withLog(dir, { readOnly: dryRun }, async (log) => {
        const group = log.group(name);
        if (topics === undefined && (await describe(group)).offsets.length === 0)
          throw new Failure(`${name} has committed nothing: --topic says for what to set it`);
        return group.resetOffsets({ to, topics, dryRun });
      });
      if (json) for (const reset of resets) terminal.out.json({ ...reset, from: reset.from ?? null });
      else await showResets(terminal, resets, dryRun);
    });
}

function addDelete(groups: Command, terminal: Terminal): void {
  groups
    .command("delete")
    .summary("forget a group and what it has committed")
    .description("Forgets a group and what it has committed. Nobody may be in it.")
    .argument("<group>")
    .action(async (name: string, _, command: Command) => {
      const { dir } = command.optsWithGlobals<CommonOptions>();
      await withLog(dir, {}, async (log) => {
        const group = log.group(name);
        await describe(group);
        await group.delete();
      });
      await say(terminal, `deleted ${name}`);
    });
}

/** For Kafka a group that nobody has heard of is "Dead"; on the command line it is a name with a mistake in it. */
async function describe(group: ConsumerGroup): Promise<GroupDescription> {
  const description = await group.describe();
  if (description.state === "Dead" && description.offsets.length === 0)
    throw new Failure(`there is no group ${JSON.stringify(group.name)}: varve groups list shows all`);
  return description;
}

/** Exactly one of the flags. */
function targetOf({ toEarliest, toLatest, toTimestamp, toOffset, shiftBy }: ResetFlags, command: Command): ResetTarget {
  const targets: ResetTarget[] = [];
  if (toEarliest) targets.push("earliest");
  if (toLatest) targets.push("latest");
  if (toTimestamp !== undefined) targets.push({ timestamp: toTimestamp });
  if (toOffset !== undefined) targets.push({ offset: toOffset });
  if (shiftBy !== undefined) targets.push({ shift: shiftBy });
  if (targets.length === 1) return targets[0];
  return command.error(
    "error: one of --to-earliest, --to-latest, --to-timestamp, --to-offset and --shift-by was expected",
  );
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^[+-]?\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("A whole number was expected.");
}

function showDescription({ out }: Terminal, { name, state, assignor, members, offsets }: GroupDescription): void {
  out.line(`${name}  ${state}${assignor === "" ? "" : `  by ${assignor}`}  ${plural(members.length, "member")}`);
  const memberOf = new Map(
    members.flatMap(({ memberId, partitions }) =>
      partitions.map(({ topic, partition }) => [`${topic}-${partition}`, memberId] as const),
    ),
  );
  out.line("");
  const head = ["topic", "partition", "committed", "end", "lag", "member"];
  const rows = offsets.map(({ topic, partition, committed, end, lag }) => {
    return [topic, partition, committed, end, lag, memberOf.get(`${topic}-${partition}`)];
  });
  for (const line of formatTable(head, rows)) out.line(line);
}

async function showResets(terminal: Terminal, resets: readonly OffsetReset[], dryRun: boolean): Promise<void> {
  const rows = resets.map(({ topic, partition, from, to }) => [topic, partition, from, to]);
  for (const line of formatTable(["topic", "partition", "from", "to"], rows)) terminal.out.line(line);
  if (dryRun) await say(terminal, "nothing was changed");
}
