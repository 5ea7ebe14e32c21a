/**
 * A real Kafka 4.1.1, and its own performance tools. The tools and the broker get the just-in-time compiler in full, and the broker a
 * heap of 2 GB; test/oracle/kafka says where it comes from.
 */
import { execFile, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { freeKafkaPort } from "../../test/free-port.ts";
import { benchFolder, cache, root } from "../places.ts";
import { step } from "./step.ts";

const script = join(root, "test/oracle/kafka");
const home = process.env.KAFKA_HOME ?? join(homedir(), ".cache", "varve-kafka");

const kafkaClients = join(cache, "kafka-clients");

export class KafkaServer {
  readonly address: string;
  readonly #port: number;
  readonly #folder: string;

  private constructor(port: number, folder: string) {
    this.address = `127.0.0.1:${port}`;
    this.#port = port;
    this.#folder = folder;
  }

  static install(): void {
    kafka(["install"]);
    const source = join(benchFolder, "peers/kafka-clients/EndToEnd.java");
    step("compiling a client of Kafka", "javac", ["-cp", `${home}/libs/*`, "-d", kafkaClients, source]);
  }

  /** A broker with an empty data folder. */
  static async start(): Promise<KafkaServer> {
    const port = await freeKafkaPort(24_000);
    process.stderr.write("starting Kafka …");
    const started = Date.now();
    const folder = /data (\/.*)/.exec(kafka(["up", String(port)]))![1];
    process.stderr.write(` ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
    return new KafkaServer(port, dirname(folder));
  }

  async stop(): Promise<void> {
    kafka(["down", String(this.#port)]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs one of Kafka's tools; its stdout. */
export async function kafkaTool(main: string, args: string[]): Promise<string> {
  const java = [
    "-Xmx1G",
    `-Dlog4j2.configurationFile=${home}/log4j2.yaml`,
    "-cp",
    `${home}/libs/*:${kafkaClients}`,
    main,
    ...args,
  ];
  const { stdout } = await promisify(execFile)("java", java, { maxBuffer: 64 * 1024 * 1024, timeout: 300_000 });
  return stdout;
}

/** As many records as fast as they go; records per second by the tool's own summary. */
export async function producerPerformance(
  address: string,
  topic: string,
  count: number,
  bytes: number,
): Promise<number> {
  const args = ["--topic", topic, "--num-records", String(count), "--record-size", String(bytes), "--throughput", "-1"];
  const properties = [
    `bootstrap.servers=${address}`,
    "acks=1",
    "linger.ms=5",
    "batch.size=131072",
    "buffer.memory=134217728",
  ];
  const output = await kafkaTool("org.apache.kafka.tools.ProducerPerformance", [
    ...args,
    "--producer-props",
    ...properties,
  ]);
  const rates = [...output.matchAll(/^(\d+) records sent, ([\d.]+) records\/sec/gm)];
  const [, sent, rate] = rates.filter((line) => Number(line[1]) === count).at(-1) ?? [];
  if (Number(sent) !== count)
    throw new Error(`ProducerPerformance sent ${sent} of ${count} records: ${output.slice(-300)}`);
  return Number(rate);
}

/** Reads that many records from the beginning; records per second of fetching, without the time that joining the group took. */
export async function consumerPerformance(address: string, topic: string, count: number): Promise<number> {
  const args = ["--bootstrap-server", address, "--topic", topic, "--messages", String(count), "--timeout", "60000"];
  const output = await kafkaTool("org.apache.kafka.tools.ConsumerPerformance", [...args, "--hide-header"]);
  const columns = output
    .trim()
    .split("\n")
    .at(-1)!
    .split(",")
    .map((column) => column.trim());
  const [, , , , read, , , , , fetchRate] = columns;
  if (Number(read) < count) throw new Error(`ConsumerPerformance read ${read} of ${count} records`);
  return Number(fetchRate);
}

/** One record after the other, there and back (peers/kafka-clients/EndToEnd.java); microseconds by percentile. */
export async function endToEndLatency(
  address: string,
  topic: string,
  count: number,
  bytes: number,
): Promise<Record<string, number>> {
  const output = await kafkaTool("EndToEnd", [address, topic, String(count), String(bytes)]);
  const found = /^= (.*)$/m.exec(output);
  if (found === null) throw new Error(`EndToEnd said ${output.slice(-300)}`);
  const names = ["p50", "p75", "p90", "p95", "p99", "p99.9", "max"];
  return Object.fromEntries(found[1].split(" ").map((value, at) => [names[at], Number(value)]));
}

function kafka(args: string[]): string {
  const environment = { ...process.env, HEAP: "2G" };
  const { status, stdout, stderr, error } = spawnSync(script, args, { encoding: "utf8", env: environment });
  if (error) throw error;
  if (status !== 0) throw new Error(`kafka ${args[0]} failed: ${stdout}${stderr}`);
  return stdout;
}
