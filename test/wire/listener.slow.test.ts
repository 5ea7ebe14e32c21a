/** A hundred thousand tampered frames over real sockets: nothing falls, hangs or grows, and a real client works beside them. */
import { connect, type Socket } from "node:net";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { expect, it } from "vitest";
import { seed } from "../sampling.ts";
import { Random } from "../simulation/random.ts";
import { framed, mutated } from "./mutated-frames.ts";
import { startListener, until } from "./wire-client.ts";

const FRAMES = 100_000;
const FRAMES_PER_CONNECTION = 20;
const CONNECTIONS_AT_ONCE = 20;
const MIB = 1024 * 1024;

it(`hostile frames (seed ${seed})`, async () => {
  const { engine, listener } = await startListener();
  await engine.createTopic("orders", { partitions: 2 });
  const client = new Kafka({ brokers: [listener.address], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
  const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const random = new Random(seed);
  let sent = 0;
  const attack = async () => {
    while (sent < FRAMES) {
      const frames = Array.from({ length: FRAMES_PER_CONNECTION }, () => mangled(random));
      sent += frames.length;
      await throwAt(listener.port, frames);
    }
  };
  const collect = globalThis.gc ?? (() => {});
  let sends = 0;
  let isOver = false;
  const work = (async () => {
    while (!isOver) {
      await producer.send({ topic: "orders", messages: [{ value: String(sends++) }] });
      await new Promise(setImmediate);
    }
  })();
  collect();
  const before = process.memoryUsage();
  await Promise.all(Array.from({ length: CONNECTIONS_AT_ONCE }, attack));
  isOver = true;
  await work;
  collect();
  const after = process.memoryUsage();
  const stored = [0, 1].reduce((sum, index) => sum + engine.topic("orders").partition(index).endOffset, 0);
  expect(stored).toBe(sends);
  expect(sends).toBeGreaterThan(100);
  expect(after.rss - before.rss).toBeLessThan(300 * MIB);
  await producer.disconnect();
  await until(() => listener.connectionCount === 0);
  await engine.close();
});

/** With its length, which in one of ten frames is a lie. */
function mangled(random: Random): Buffer {
  const frame = framed(mutated(random));
  if (random.oneIn(10)) frame[random.below(4)] ^= 1 << random.below(8);
  return frame;
}

/** Sends them one after the other, reads what comes, and goes without a word. */
async function throwAt(port: number, frames: readonly Buffer[]): Promise<void> {
  const socket: Socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.resume();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  for (const frame of frames) {
    if (socket.destroyed) break;
    socket.write(frame);
    await new Promise(setImmediate);
  }
  socket.end();
  const gone = setTimeout(() => socket.destroy(), 200);
  await closed;
  clearTimeout(gone);
}
