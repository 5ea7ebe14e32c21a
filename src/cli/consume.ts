/**
 * `varve consume TOPIC`: prints the records of a topic.
 *
 * With a group the command owns the directory while it runs, and commits what it has printed and its reader has taken: never
 * more. Without one it only reads, beside whoever owns the directory, and follows what is written there.
 */
import type { Command } from "commander";
import type { Consumer, ConsumerRecord, From, OnCorrupt, VarveError } from "../index.ts";
import { withLog } from "./data-log.ts";
import { ENCODINGS, type Encoding, encodeBytes } from "./encoding.ts";
import { followTopic } from "./follow.ts";
import { type CommonOptions, choice, count, examples } from "./options.ts";
import { type Output, say, type Terminal } from "./terminal.ts";

interface ConsumeOptions extends CommonOptions {
  fromBeginning?: boolean;
  partition?: number;
  offset?: number;
  group?: string;
  max?: number;
  until?: "end";
  onCorrupt: OnCorrupt;
  encoding: Encoding;
}

export function addConsume(program: Command, terminal: Terminal): void {
  program
    .command("consume")
    .summary("print the records of a topic")
    .description(
      "Prints the values of a topic's records, one per line; with --json whole records. Starts at new records; a group that " +
        "has committed nothing, and a reader with --until, start at the first one.",
    )
    .argument("<topic>")
    .option("--from-beginning", "start at the first record; a group goes on where it has committed all the same")
    .option("--partition <number>", "read this partition only", count(0))
    .option("--offset <offset>", "start there; needs --partition", count(0))
    .option("--group <group>", "go on where the group has committed, and commit what was printed")
    .option("--max <count>", "end after so many records", count(1))
    .addOption(choice("--until <end>", "end where the topic ends now", ["end"]))
    .addOption(choice("--encoding <encoding>", "of keys, values and header values with --json", ENCODINGS, "utf8"))
    .addOption(
      choice("--on-corrupt <what>", "at a damaged batch: end, or say so and skip it", ["throw", "skip"], "throw"),
    )
    .addHelpText(
      "after",
      examples(
        "varve consume orders --from-beginning --until end",
        "varve consume orders --group billing --max 100",
        "varve consume orders --partition 0 --offset 4711 --json",
      ),
    )
    .action(async (topic: string, _, command: Command) => {
      const options = command.optsWithGlobals<ConsumeOptions>();
      const problem = contradiction(options);
      if (problem !== undefined) command.error(`error: ${problem}`);
      const printer = new Printer(terminal.out, options);
      if (options.group === undefined) await consumeAlone(terminal, topic, options, printer);
      else await consumeInGroup(terminal, topic, options.group, options, printer);
    });
}

/** What cannot be meant together. */
function contradiction({ partition, offset, group, fromBeginning }: ConsumeOptions): string | undefined {
  if (offset !== undefined && partition === undefined) return "--offset needs --partition";
  if (offset !== undefined && fromBeginning) return "--offset and --from-beginning cannot be given together";
  if (group !== undefined && partition !== undefined) return "--partition and --group cannot be given together";
  return undefined;
}

class Printer {
  readonly #out: Output;
  readonly #isJson: boolean;
  readonly #encoding: Encoding;
  #left: number;

  constructor(out: Output, { json, encoding, max }: ConsumeOptions) {
    this.#out = out;
    this.#isJson = json;
    this.#encoding = encoding;
    this.#left = max ?? Number.POSITIVE_INFINITY;
  }

  /** As many as were asked for are printed, or nobody reads them any more. */
  get isDone(): boolean {
    return this.#left <= 0 || this.#out.isClosed;
  }

  print(record: BytesRecord): void {
    this.#left--;
    if (this.#isJson) {
      this.#out.json(this.#lineOf(record));
    } else {
      this.#out.write(record.rawValue ?? "null");
      this.#out.write("\n");
    }
  }

  #lineOf(record: BytesRecord): object {
    const { topic, partition, offset, timestamp, timestampType, rawKey, rawValue, headers } = record;
    return {
      topic,
      partition,
      offset,
      timestamp,
      timestampType,
      key: encodeBytes(rawKey, this.#encoding),
      value: encodeBytes(rawValue, this.#encoding),
      headers: headers.map(([name, value]) => [name, encodeBytes(value, this.#encoding)]),
    };
  }
}

type BytesRecord = ConsumerRecord<unknown, string>;

/** Tells of each batch that was skipped. */
function skipping(terminal: Terminal): (error: VarveError) => void {
  return (error) => void say(terminal, `varve: skipped: ${error.message}`).catch(() => {});
}

async function consumeAlone(
  terminal: Terminal,
  topic: string,
  { dir, partition, offset, fromBeginning, until, onCorrupt }: ConsumeOptions,
  printer: Printer,
): Promise<void> {
  const { out, streams } = terminal;
  const start: From = fromBeginning || until === "end" ? "earliest" : "latest";
  const from: From = offset === undefined ? start : { offsets: { [partition!]: offset } };
  const partitions = partition === undefined ? undefined : [partition];
  const outOfRange = offset === undefined ? "earliest" : "throw";
  const isBounded = until === "end";
  const corrupt = skipping(terminal);
  const { signal } = streams;
  const records = followTopic({ dir, topic, from, partitions, outOfRange, onCorrupt, corrupt, isBounded, signal });
  for await (const record of records) {
    // Undefined: everything at hand is out, and the next one may be long in coming.
    if (record === undefined || out.isFull) await out.flush();
    if (record !== undefined) printer.print(record);
    if (printer.isDone) break;
  }
  await out.flush();
}

async function consumeInGroup(
  terminal: Terminal,
  topic: string,
  group: string,
  { dir, until, onCorrupt }: ConsumeOptions,
  printer: Printer,
): Promise<void> {
  await withLog(dir, {}, async (log) => {
    const topics = [log.topic(topic)];
    const consumer = log.consumer({ topics, group, until, onCorrupt, from: "earliest", autoCommit: false });
    consumer.on("corrupt", skipping(terminal));
    await new GroupReader(terminal, consumer, printer).run();
    await consumer.close();
  });
}

const SETTLE_MS = 1000;

/** Prints, and commits what is printed: every second, and at the end. */
class GroupReader {
  readonly #terminal: Terminal;
  readonly #consumer: Consumer;
  readonly #printer: Printer;
  #settledAt = performance.now();
  /** One after the other, so that nothing is committed that a flush under way has not covered. */
  #settling: Promise<void> = Promise.resolve();
  #ending: Promise<void> | undefined;
  #isFlushDue = false;

  constructor(terminal: Terminal, consumer: Consumer, printer: Printer) {
    this.#terminal = terminal;
    this.#consumer = consumer;
    this.#printer = printer;
  }

  async run(): Promise<void> {
    const { signal } = this.#terminal.streams;
    if (signal.aborted) return;
    const timer = setInterval(() => this.#settle().catch(() => this.#end()), SETTLE_MS);
    const end = () => this.#end();
    signal.addEventListener("abort", end, { once: true });
    try {
      for await (const record of this.#consumer) {
        this.#printer.print(record);
        this.#flushSoon();
        if (this.#terminal.out.isFull || performance.now() - this.#settledAt >= SETTLE_MS) await this.#settle();
        // Committed inside of the loop: leaving it puts the record in hand back.
        if (!this.#printer.isDone && !signal.aborted) continue;
        await this.#settle();
        break;
      }
      await (this.#ending ?? this.#settle());
    } finally {
      clearInterval(timer);
      signal.removeEventListener("abort", end);
    }
  }

  /** Ends a loop that waits for records. */
  #end(): void {
    this.#ending ??= this.#settle().finally(() => this.#consumer.close());
    this.#ending.catch(() => {});
  }

  /** When the records at hand are printed: the next one may be long in coming. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      // An error comes again at the next flush, which somebody waits for.
      this.#terminal.out.flush().catch(() => {});
    });
  }

  #settle(): Promise<void> {
    const mine = this.#settling.then(() => this.#settleNow());
    this.#settling = mine.catch(() => {});
    return mine;
  }

  async #settleNow(): Promise<void> {
    const { out } = this.#terminal;
    await out.flush();
    this.#settledAt = performance.now();
    if (out.isEmpty && !out.isClosed) await this.#consumer.commit();
  }
}
