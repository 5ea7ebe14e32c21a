/**
 * A real Kafka broker in a process of its own, driven through the script `kafka`, with Kafka's own console tools as clients.
 *
 * A stopped broker keeps its data, and `dataFolder` may then be changed by hand; `start()` goes on with what is there.
 */
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { freeKafkaPort } from "../free-port.ts";
import { type Run, runKafka } from "./kafka-tools.ts";

/** Keys, values and header values in base64, so that bytes compare as bytes; null is null. */
export interface ConsumedRecord {
  partition: number;
  offset: number;
  timestampType: string;
  timestamp: number;
  headers: [name: string, value: string | null][];
  key: string | null;
  value: string | null;
}

export interface ConsumeOptions {
  partition: number;
  /** How many records to wait for; fewer are returned when none comes for `timeoutMs`. */
  count: number;
  isolation?: "read_committed" | "read_uncommitted";
  timeoutMs?: number;
}

export class KafkaBroker {
  readonly port: number;
  /** Where the partition folders lie. */
  dataFolder = "";

  private constructor(port: number) {
    this.port = port;
  }

  /** A broker with an empty data folder. */
  static async start(): Promise<KafkaBroker> {
    const broker = new KafkaBroker(await freeKafkaPort(21_000));
    await broker.up("0");
    return broker;
  }

  /** Starts a stopped broker on the data that it has. */
  start(): Promise<void> {
    return this.up("1");
  }

  async stop(): Promise<void> {
    succeeded(await runKafka(["down", String(this.port)]));
  }

  /** Stops the broker and removes all that it wrote. */
  async remove(): Promise<void> {
    await this.stop();
    if (this.dataFolder) rmSync(dirname(this.dataFolder), { recursive: true });
  }

  async createTopic(topic: string, config: Record<string, string> = {}): Promise<void> {
    const configs = Object.entries(config).flatMap(([name, value]) => ["--config", `${name}=${value}`]);
    await this.tool("org.apache.kafka.tools.TopicCommand", [
      "--create",
      "--topic",
      topic,
      "--partitions",
      "1",
      ...configs,
    ]);
  }

  /** The log end offset of each partition, by its folder's name. */
  async endOffsets(topics: string[]): Promise<Record<string, number>> {
    const { stdout } = await this.tool("org.apache.kafka.tools.GetOffsetShell", [
      "--topic-partitions",
      topics.join(","),
    ]);
    const lines = stdout.trim().split("\n");
    return Object.fromEntries(
      lines.map((line) => line.split(":")).map(([topic, partition, end]) => [`${topic}-${partition}`, Number(end)]),
    );
  }

  /** Sends one record for each line, whole lines as values. */
  async produce(topic: string, lines: string[]): Promise<void> {
    await this.tool("org.apache.kafka.tools.ConsoleProducer", ["--topic", topic], `${lines.join("\n")}\n`);
  }

  /** Reads a partition from its earliest record with Kafka's console consumer. */
  async consume(topic: string, options: ConsumeOptions): Promise<ConsumedRecord[]> {
    const { partition, count, isolation = "read_committed", timeoutMs = 15_000 } = options;
    const main = "org.apache.kafka.tools.consumer.ConsoleConsumer";
    const args = [
      "--topic",
      topic,
      "--partition",
      String(partition),
      "--offset",
      "earliest",
      "--isolation-level",
      isolation,
    ];
    args.push("--max-messages", String(count), "--timeout-ms", String(timeoutMs));
    const properties = { ...separators, ...columns };
    for (const [name, value] of Object.entries(properties)) args.push("--property", `${name}=${value}`);
    const { stdout } = await this.tool(main, args);
    return stdout.split(separators["line.separator"]).slice(0, -1).map(parseRecord);
  }

  private async up(keep: "0" | "1"): Promise<void> {
    const { stdout } = succeeded(await runKafka(["up", String(this.port)], { KEEP: keep }));
    this.dataFolder = /data (\/.*)/.exec(stdout)![1];
  }

  private async tool(main: string, args: string[], input?: string): Promise<Run> {
    return succeeded(
      await runKafka(["tool", main, "--bootstrap-server", `127.0.0.1:${this.port}`, ...args], {}, input),
    );
  }
}

/** The console consumer escapes nothing: pairs of control characters that no test record holds keep its columns apart. */
const separators = {
  "key.separator": "\x1f\x1f",
  "headers.separator": "\x1e\x1e",
  "line.separator": "\x1d\x1d\n",
  "null.literal": "\x1c\x1c",
};
const columns = Object.fromEntries(
  ["timestamp", "partition", "offset", "headers", "key"].map((name) => [`print.${name}`, "true"]),
);

function parseRecord(line: string): ConsumedRecord {
  const [time, partition, offset, headers, key, value] = line.split(separators["key.separator"]);
  const [timestampType, timestamp] = time.split(":");
  return {
    partition: Number(partition.slice("Partition:".length)),
    offset: Number(offset.slice("Offset:".length)),
    timestampType,
    timestamp: Number(timestamp),
    headers: headers === "NO_HEADERS" ? [] : headers.split(separators["headers.separator"]).map(parseHeader),
    key: base64(key),
    value: base64(value),
  };
}

function parseHeader(header: string): [name: string, value: string | null] {
  const colon = header.indexOf(":");
  return [Buffer.from(header.slice(0, colon), "latin1").toString("utf8"), base64(header.slice(colon + 1))];
}

function base64(latin1: string): string | null {
  return latin1 === separators["null.literal"] ? null : Buffer.from(latin1, "latin1").toString("base64");
}

function succeeded(run: Run): Run {
  if (run.code !== 0) throw new Error(`kafka exited with ${run.code}: ${run.stdout}${run.stderr}`);
  return run;
}
