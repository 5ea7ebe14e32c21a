/** `varve topics`: makes, shows, changes and deletes topics. Options of topics go by Kafka's dotted names. */
import type { Command } from "commander";
import { configFromDotted, configToDotted, optionNamed } from "../engine/config.ts";
import { checkNewName } from "../engine/topic-names.ts";
import type { ConfigChanges, TopicDescription } from "../index.ts";
import { withLog } from "./data-log.ts";
import { formatBytes, plural } from "./numbers.ts";
import { assignment, type CommonOptions, collect, count, examples } from "./options.ts";
import { formatTable } from "./table.ts";
import { say, type Terminal } from "./terminal.ts";

interface TopicOptions extends CommonOptions {
  partitions?: number;
  config?: [string, string][];
  unset?: string[];
  ifNotExists?: boolean;
}

const CONFIG = "--config <name=value>";
const CONFIG_HELP = "an option, by Kafka's name (retention.ms) or varve's (varve.durability); repeatable";

export function addTopics(program: Command, terminal: Terminal): void {
  const topics = program
    .command("topics")
    .summary("create, list, describe, alter and delete topics")
    .description("Creates, lists, describes, alters and deletes topics.");
  topics.addHelpText("after", examples("varve topics create orders --partitions 3", "varve topics describe orders"));
  addCreate(topics, terminal);
  addList(topics, terminal);
  addDescribe(topics, terminal);
  addAlter(topics, terminal);
  addDelete(topics, terminal);
}

function addCreate(topics: Command, terminal: Terminal): void {
  topics
    .command("create")
    .summary("make a topic")
    .description("Makes a topic, and the data directory when there is none yet.")
    .argument("<topic>")
    .option("--partitions <count>", "how many partitions (default: 1)", count(1))
    .option(CONFIG, CONFIG_HELP, assignment)
    .option("--if-not-exists", "leave a topic that is there as it is")
    .addHelpText(
      "after",
      examples(
        "varve topics create orders --partitions 3",
        "varve topics create audit --config retention.ms=86400000 --config varve.durability=power",
      ),
    )
    .action(async (name: string, _, command: Command) => {
      const { dir, json, partitions, config = [], ifNotExists } = command.optsWithGlobals<TopicOptions>();
      const options = { partitions, ifNotExists, ...configFromDotted(config, name) };
      // Before there is a directory: a mistake leaves none.
      checkNewName(name, new Map());
      const description = await withLog(dir, { create: true }, async (log) => {
        const topic = await log.createTopic(name, options);
        return topic.describe();
      });
      if (json) terminal.out.json(summaryOf(description));
      else await say(terminal, `${name} has ${plural(description.partitions.length, "partition")}`);
    });
}

function addList(topics: Command, terminal: Terminal): void {
  topics
    .command("list")
    .summary("show all topics")
    .description("Shows all topics. Reads only, also while the directory is in use.")
    .action(async (_, command: Command) => {
      const { dir, json } = command.optsWithGlobals<TopicOptions>();
      const descriptions = await withLog(dir, { readOnly: true }, (log) =>
        Promise.all(log.topics().map((topic) => topic.describe())),
      );
      const summaries = descriptions.map(summaryOf);
      if (json) for (const summary of summaries) terminal.out.json(summary);
      else showList(terminal, summaries);
    });
}

function addDescribe(topics: Command, terminal: Terminal): void {
  topics
    .command("describe")
    .summary("show a topic's options and partitions")
    .description("Shows a topic's options and partitions. Reads only, also while the directory is in use.")
    .argument("<topic>")
    .action(async (name: string, _, command: Command) => {
      const { dir, json } = command.optsWithGlobals<TopicOptions>();
      const description = await withLog(dir, { readOnly: true }, (log) => log.topic(name).describe());
      if (json) terminal.out.json({ ...description, config: Object.fromEntries(configToDotted(description.config)) });
      else showDescription(terminal, description);
    });
}

function addAlter(topics: Command, terminal: Terminal): void {
  topics
    .command("alter")
    .summary("change a topic's options, or add partitions")
    .description("Changes a topic's options, or gives it more partitions.")
    .argument("<topic>")
    .option("--partitions <count>", "the new number; keys may then fall into other partitions", count(1))
    .option(CONFIG, CONFIG_HELP, assignment)
    .option("--unset <name>", "take an option back to its default; repeatable", collect)
    .addHelpText(
      "after",
      examples(
        "varve topics alter orders --partitions 6",
        "varve topics alter orders --config retention.bytes=1073741824",
      ),
    )
    .action(async (name: string, _, command: Command) => {
      const { dir, partitions, config = [], unset = [] } = command.optsWithGlobals<TopicOptions>();
      if (partitions === undefined && config.length === 0 && unset.length === 0)
        command.error("error: nothing to change: --partitions, --config or --unset was expected");
      const changes: ConfigChanges = { ...unsetting(unset, name), ...configFromDotted(config, name) };
      await withLog(dir, {}, async (log) => {
        const topic = log.topic(name);
        if (Object.keys(changes).length > 0) await topic.alterConfig(changes);
        if (partitions !== undefined) await topic.addPartitions(partitions);
      });
      await say(terminal, `altered ${name}`);
    });
}

function addDelete(topics: Command, terminal: Terminal): void {
  topics
    .command("delete")
    .summary("delete a topic and its records")
    .description("Deletes a topic, its records, and what groups have committed for it.")
    .argument("<topic>")
    .action(async (name: string, _, command: Command) => {
      const { dir } = command.optsWithGlobals<TopicOptions>();
      await withLog(dir, {}, (log) => log.deleteTopic(name));
      await say(terminal, `deleted ${name}`);
    });
}

function unsetting(names: readonly string[], topic: string): ConfigChanges {
  return Object.fromEntries(names.map((name) => [optionNamed(name, topic), null]));
}

interface Summary {
  name: string;
  partitions: number;
  records: number;
  sizeInBytes: number;
}

/** `records` counts offsets: compaction and markers leave fewer records than that. */
function summaryOf({ name, partitions }: TopicDescription): Summary {
  let records = 0;
  let sizeInBytes = 0;
  for (const partition of partitions) {
    records += partition.endOffset - partition.startOffset;
    sizeInBytes += partition.sizeInBytes;
  }
  return { name, partitions: partitions.length, records, sizeInBytes };
}

function showList({ out }: Terminal, summaries: readonly Summary[]): void {
  const rows = summaries.map(({ name, partitions, records, sizeInBytes }) => [
    name,
    partitions,
    records,
    formatBytes(sizeInBytes),
  ]);
  for (const line of formatTable(["topic", "partitions", "records", "size"], rows)) out.line(line);
}

function showDescription({ out }: Terminal, { name, id, durability, config, partitions }: TopicDescription): void {
  out.line(`${name}  id ${id}  durability ${durability}`);
  out.line("");
  for (const line of formatTable(["option", "value"], configToDotted(config))) out.line(line);
  out.line("");
  const head = ["partition", "start", "end", "high watermark", "last stable", "durable", "epoch", "segments", "size"];
  const rows = partitions.map((one) => [
    one.partition,
    one.startOffset,
    one.endOffset,
    one.highWatermark,
    one.lastStableOffset,
    one.durableOffset,
    one.leaderEpoch,
    one.segmentCount,
    formatBytes(one.sizeInBytes),
  ]);
  for (const line of formatTable(head, rows)) out.line(line);
}
