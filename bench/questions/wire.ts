/**
 * How does `varve serve` stand beside Kafka, for Kafka's own clients? Both are driven by Kafka's own tools over
 * loopback, by turns: ProducerPerformance, ConsumerPerformance, and what EndToEndLatency does, in microseconds: it
 * sends a record, waits until it comes back and sends the next.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { consumerPerformance, endToEndLatency, producerPerformance } from "../peers/kafka.ts";
import { createTopic, deleteTopic } from "../peers/kafkajs.ts";
import { root } from "../places.ts";
import type { Contest, Figures, Question, Setting, Subject } from "../question.ts";

const SIZES = { "100 B": 100, "1 KiB": 1024 };
/** Of each size about as many bytes. */
const BYTES = { whole: 400e6, quick: 40e6 };
const ROUND_TRIPS = { whole: 10_000, quick: 1000 };

interface Server {
  address: string;
  end(): Promise<void>;
}

function served(mode: string, needs: Subject["needs"], start: (setting: Setting) => Promise<Server>): Subject {
  return {
    mode,
    needs,
    waits: true,
    async start(setting): Promise<Contest> {
      const { address, end } = await start(setting);
      let round = 0;
      return { round: () => measured(address, `wire-${round++}`, setting.isQuick), end };
    },
  };
}

/** A topic of its own for each round, which is deleted: neither server has more to keep than the other. */
async function measured(address: string, topic: string, isQuick: boolean): Promise<Figures> {
  const figures: Figures = {};
  for (const [name, size] of Object.entries(SIZES)) {
    const one = `${topic}-${size}`;
    const count = Math.round((isQuick ? BYTES.quick : BYTES.whole) / (size + 10));
    await createTopic(address, one);
    figures[`produce ${name}`] = { value: await producerPerformance(address, one, count, size), unit: "records/s" };
    figures[`consume ${name}`] = { value: await consumerPerformance(address, one, count), unit: "records/s" };
    await deleteTopic(address, one);
  }
  await createTopic(address, `${topic}-latency`);
  const trips = isQuick ? ROUND_TRIPS.quick : ROUND_TRIPS.whole;
  const latencies = await endToEndLatency(address, `${topic}-latency`, trips, SIZES["100 B"]);
  for (const [percentile, microseconds] of Object.entries(latencies)) {
    figures[`end to end ${percentile}`] = { value: microseconds, unit: "µs" };
  }
  return figures;
}

async function serve({ folder }: Setting): Promise<Server> {
  const command = [join(root, "dist/cli/main.js"), "serve", "--listen", "127.0.0.1:0", "--json", "--dir", folder];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "ignore"] });
  const line = await firstLine(child);
  const { address } = JSON.parse(line) as { address: string };
  const end = async () => {
    const exited = once(child, "exit");
    child.kill("SIGINT");
    await exited;
  };
  return { address, end };
}

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return line;
  throw new Error("varve serve ended without a word");
}

const tools =
  "ProducerPerformance (acks 1, batch.size 131072), ConsumerPerformance, and a record there and back with Kafka's clients 4.1.1 (acks 1, linger 0)";

export default {
  title: "varve serve and Kafka under Kafka's own tools, over loopback",
  subjects: {
    varve: served(`varve serve, durability process; ${tools}`, ["packages", "kafka tools"], serve),
    kafka: served(
      `Kafka 4.1.1, KRaft, heap 2 GB; ${tools}`,
      ["packages", "kafka tools", "kafka"],
      async ({ kafka }) => ({
        address: kafka!,
        end: async () => {},
      }),
    ),
  },
  compare: ["produce 100 B", "produce 1 KiB", "consume 100 B", "consume 1 KiB", "end to end p99", "end to end p50"].map(
    (metric): [string, string] => [`varve ${metric}`, `kafka ${metric}`],
  ),
  warmUpRounds: 0,
} satisfies Question;
