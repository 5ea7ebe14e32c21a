/**
 * One topic with very many partitions. Its first life makes them and writes a record to each; its second reads each back, and
 * measures what the partitions take while nothing is done with them: first as the open leaves them, then after a record of
 * each was read.
 */
import { say, told, type Varve } from "./speaking.ts";

interface Task {
  life: "write" | "read";
  partitions: number;
}

const { varve, data, life, partitions } = told<Task>();
const { open }: Varve = await import(varve);
const TOPIC = "wide";
const CLOSE_MS = 300_000;

if (life === "write") await write();
else await read();
say({ type: "closed" });

async function write(): Promise<void> {
  const log = await measured("open a new directory", () => open(data));
  await measured("create", () => log.createTopic(TOPIC, { partitions }));
  const producer = log.producer();
  await measured("send", () =>
    Promise.all(
      Array.from({ length: partitions }, (_, partition) => producer.send(TOPIC, { partition, value: partition })),
    ),
  );
  await measured("flush", () => log.flush());
  await measured("close", () => log.close({ timeoutMs: CLOSE_MS }));
}

async function read(): Promise<void> {
  await warmUp();
  const before = await bytesInUse();
  const log = await measured("open", () => open(data));
  const idle = ((await bytesInUse()) - before) / partitions;
  const wrong = await measured("read", async () => {
    const topic = log.topic<number>(TOPIC);
    let count = 0;
    for (let partition = 0; partition < partitions; partition++) {
      const record = await topic.get(partition, 0);
      if (record?.value !== partition) count++;
    }
    return count;
  });
  say({ type: "read", topic: TOPIC, partition: -1, start: 0, end: partitions, wrong });
  const idleAfterRead = ((await bytesInUse()) - before) / partitions;
  say({ type: "idle", bytes: idle, bytesAfterRead: idleAfterRead });
  await measured("close", () => log.close({ timeoutMs: CLOSE_MS }));
}

/** The code that is run must not count as memory of the partitions. */
async function warmUp(): Promise<void> {
  const log = await open(":memory:");
  const topic = await log.createTopic<number>(TOPIC, { partitions: 100 });
  for (let partition = 0; partition < 100; partition++) {
    await topic.send({ partition, value: partition });
    await topic.get(partition, 0);
  }
  await log.close();
}

async function bytesInUse(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    global.gc!();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function measured<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  say({ type: "took", what, ms: performance.now() - started, cpuMs: (user + system) / 1000 });
  return result;
}
