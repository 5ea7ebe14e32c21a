/**
 * `varve produce TOPIC`: each line of the input becomes a record.
 *
 * With --json each acknowledged record is answered by a line on stdout, in the order of the input: what was answered is
 * stored at the topic's durability, whatever becomes of the command.
 */
import type { Command } from "commander";
import { COMPRESSIONS } from "../format/compression.ts";
import { type Compression, type Producer, type ProducerRecord, type RecordMetadata, VarveError } from "../index.ts";
import { withLog } from "./data-log.ts";
import { linesOf } from "./lines.ts";
import { formatCount, plural } from "./numbers.ts";
import { type CommonOptions, choice, count, examples } from "./options.ts";
import { Failure, say, type Terminal } from "./terminal.ts";

interface ProduceOptions extends CommonOptions {
  keySeparator?: string;
  partition?: number;
  compression?: Compression;
}

/** As much as a batch of the command aims at: input comes in large pieces. */
const BATCH_BYTES = 64 * 1024;

/** Of fewer records the speed is that of the start. */
const WORTH_A_SPEED = 1000;

export function addProduce(program: Command, terminal: Terminal): void {
  program
    .command("produce")
    .summary("write each line of the input as a record")
    .description(
      "Writes each line of the input as a record. With --json it prints one line for each record that is stored: its partition, offset and timestamp.",
    )
    .argument("<topic>")
    .option("--key-separator <text>", "what stands before it in a line is the key, what stands behind it the value")
    .option("--partition <number>", "the partition to write to; by key, or in turns, when it is not given", count(0))
    .addOption(choice("--compression <codec>", "of the stored batches, where the topic leaves it open", COMPRESSIONS))
    .addHelpText(
      "after",
      examples(
        "echo hello | varve produce orders",
        "printf 'k1:one\\nk2:two\\n' | varve produce orders --key-separator :",
        "varve produce events --compression gzip < events.jsonl",
      ),
    )
    .action(async (topic: string, _, command: Command) => {
      const options = command.optsWithGlobals<ProduceOptions>();
      if (options.keySeparator === "") command.error("error: --key-separator: a text that is not empty was expected");
      const { dir, compression } = options;
      await withLog(dir, {}, async (log) => {
        log.topic(topic);
        const producer = log.producer({ codec: "bytes", compression, batchBytes: BATCH_BYTES });
        await new LineProducer(terminal, producer, topic, options).run();
        await producer.close();
      });
    });
}

class LineProducer {
  readonly #terminal: Terminal;
  readonly #producer: Producer;
  readonly #topic: string;
  readonly #options: ProduceOptions;
  readonly #separator: Buffer | undefined;
  #lineCount = 0;

  constructor(terminal: Terminal, producer: Producer, topic: string, options: ProduceOptions) {
    this.#terminal = terminal;
    this.#producer = producer;
    this.#topic = topic;
    this.#options = options;
    this.#separator = options.keySeparator === undefined ? undefined : Buffer.from(options.keySeparator);
  }

  async run(): Promise<void> {
    const { streams, out } = this.#terminal;
    if (streams.stdin.isTTY) await say(this.#terminal, "Each line becomes a record; Ctrl-D ends.");
    const started = performance.now();
    for await (const lines of linesOf(untilAborted(streams.stdin, streams.signal))) {
      await this.#produce(lines);
      if (out.isClosed) break;
    }
    const seconds = Math.max(performance.now() - started, 1) / 1000;
    const speed = this.#lineCount < WORTH_A_SPEED ? "" : ` (${formatCount(this.#lineCount / seconds)} records/s)`;
    await say(this.#terminal, `produced ${plural(this.#lineCount, "record")} to ${this.#topic}${speed}`);
  }

  /** Waits for the acknowledgements: so no more than one piece of input is in memory. */
  async #produce(lines: readonly Uint8Array[]): Promise<void> {
    const { out } = this.#terminal;
    const sends: Promise<RecordMetadata>[] = [];
    const bad = lines.findIndex((line) => {
      const record = this.#recordOf(line);
      if (record !== undefined) sends.push(this.#producer.send(this.#topic, record));
      return record === undefined;
    });
    for (const result of await Promise.allSettled(sends)) {
      this.#lineCount++;
      if (result.status === "rejected") throw this.#failed(result.reason);
      if (this.#options.json) this.#acknowledge(result.value);
    }
    await out.flush();
    if (bad < 0) return;
    const separator = JSON.stringify(this.#options.keySeparator);
    throw new Failure(
      `line ${this.#lineCount + 1} of the input has no ${separator} in it; the lines before it are stored`,
    );
  }

  /** Undefined when there should be a key and is none. */
  #recordOf(line: Uint8Array): ProducerRecord<Uint8Array> | undefined {
    const { partition } = this.#options;
    if (this.#separator === undefined) return { value: line, partition };
    const at = Buffer.from(line.buffer, line.byteOffset, line.length).indexOf(this.#separator);
    if (at < 0) return undefined;
    return { key: line.subarray(0, at), value: line.subarray(at + this.#separator.length), partition };
  }

  #acknowledge({ topic, partition, offset, timestamp }: RecordMetadata): void {
    this.#terminal.out.json({ topic, partition, offset, timestamp });
  }

  #failed(error: unknown): unknown {
    if (!(error instanceof VarveError)) return error;
    return new Failure(`line ${this.#lineCount} of the input: ${error.message} (${error.code})`);
  }
}

/** The input, until somebody wants an end to it. */
async function* untilAborted<T>(input: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const pieces = input[Symbol.asyncIterator]();
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  for (;;) {
    const next = await Promise.race([pieces.next(), aborted]);
    if (next === undefined || next.done) return;
    yield next.value;
  }
}
