/** Does to a log whatever comes to mind, until somebody kills it. */
import { setImmediate } from "node:timers/promises";
import { Desk } from "./desk.ts";
import { randomFrom, say, told, type Varve } from "./speaking.ts";

const { varve, data, seed } = told<{ seed: number }>();
const { open }: Varve = await import(varve);
const random = randomFrom(seed);
const below = (bound: number) => Math.floor(random() * bound);

const TOPICS = [
  { topic: "process", options: { partitions: 3, segmentBytes: 8192 } },
  { topic: "power", options: { partitions: 2, segmentBytes: 8192, durability: "power" } },
] as const;
/** Of these a partition keeps so many, so that the test stays quick. */
const KEPT_RECORDS = 400;

let desk = await start();
let temporaries = 0;
for (;;) {
  await act(below(100));
  await setImmediate();
}

async function start(): Promise<Desk> {
  const started = new Desk(await open(data, { flushMs: 20 }));
  say({ type: "opened" });
  for (const { topic, options } of TOPICS) await started.create(topic, options);
  // The group ends with the log.
  started.readWithGroup(TOPICS.map(({ topic }) => topic)).catch(() => {});
  return started;
}

async function act(chance: number): Promise<void> {
  const { topic, options } = TOPICS[below(TOPICS.length)];
  const partition = below(options.partitions);
  if (chance < 40) return sendSome();
  if (chance < 60) return desk.sendBatch(topic, partition, 1 + below(30));
  if (chance < 75) return desk.appendSync(topic, partition);
  if (chance < 80) return desk.log.flush();
  if (chance < 88) return shorten(topic, partition);
  if (chance < 94) return comeAndGo();
  if (chance < 98) return;
  await desk.log.close();
  desk = await start();
}

/** Many at once, over all partitions. */
async function sendSome(): Promise<void> {
  const sends: Promise<void>[] = [];
  for (let left = below(40); left > 0; left--) {
    const { topic, options } = TOPICS[below(TOPICS.length)];
    sends.push(desk.send(topic, below(options.partitions)));
  }
  await Promise.all(sends);
}

async function shorten(topic: string, partition: number): Promise<void> {
  const start = desk.end(topic, partition) - KEPT_RECORDS;
  if (start > 0) await desk.deleteRecords(topic, partition, start);
}

async function comeAndGo(): Promise<void> {
  const topic = `temporary-${process.pid}-${temporaries++}`;
  await desk.create(topic, { partitions: 2 });
  await desk.sendBatch(topic, 1, 3);
  await desk.drop(topic, 2);
}
