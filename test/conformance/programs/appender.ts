/**
 * Appends to a topic of each level until something fails, then sees what still goes: it tries a few more times, reads all back,
 * and, told to, waits for a line on its input and tries again.
 */
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Desk } from "./desk.ts";
import { say, told, type Varve } from "./speaking.ts";

interface Task {
  /** Of each topic; the most appends. */
  appends: number;
  partitions?: number;
  segmentBytes?: number;
  /** Waits, and goes on. */
  resumes?: boolean;
}

const { varve, data, appends, partitions = 1, segmentBytes = 65_536, resumes = false } = told<Task>();
const { open }: Varve = await import(varve);
const TOPICS = ["process", "power"] as const;
const TRIES_AFTER_ERROR = 3;

const delay = monitorEventLoopDelay({ resolution: 5 });
const desk = new Desk(await open(data, { flushMs: 50 }));
say({ type: "opened" });
for (const topic of TOPICS) {
  const options = { partitions, segmentBytes, durability: topic };
  // The second try is after a fault that came once.
  if (!(await attempt("create", topic, () => desk.create(topic, options)))) {
    await attempt("create", topic, () => desk.create(topic, options));
  }
}
const topics = TOPICS.filter((topic) => desk.log.topics().some(({ name }) => name === topic));
delay.enable();
await append();
delay.disable();
say({ type: "blocked", ms: delay.max / 1e6 });
await lookBack();
if (resumes) {
  say({ type: "waiting" });
  await once(process.stdin, "data");
  process.stdin.pause();
  for (const topic of topics) await attempt("send again", topic, () => desk.send(topic, 0));
  await lookBack();
}
await attempt("close", undefined, () => desk.log.close());
say({ type: "closed" });

async function append(): Promise<void> {
  const failures = new Map<string, number>();
  const times: number[] = [];
  for (let i = 0; i < appends * partitions; i++) {
    const isOver = (topic: string) => (failures.get(topic) ?? 0) > TRIES_AFTER_ERROR;
    for (const topic of topics) {
      if (isOver(topic)) continue;
      const started = performance.now();
      const isDone = await attempt("send", topic, () => desk.send(topic, i % partitions));
      if (topic === "power") times.push(performance.now() - started);
      if (!isDone) failures.set(topic, (failures.get(topic) ?? 0) + 1);
    }
    if (topics.every(isOver)) break;
  }
  say({ type: "slowest", ms: Math.max(0, ...times), fastest: Math.min(...times) });
}

async function lookBack(): Promise<void> {
  for (const handle of desk.log.topics()) await attempt("read", handle.name, () => desk.readBack(handle));
  const { poisoned, failed } = desk.log.health();
  const names = (of: typeof poisoned) => of.map(({ topic, partition }) => `${topic}-${partition}`);
  say({ type: "health", poisoned: names(poisoned), failed: names(failed) });
}

async function attempt(during: string, topic: string | undefined, call: () => Promise<void>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    const { code = "none", message } = error as { code?: string; message: string };
    say({ type: "error", during, topic, code, message });
    // Where the log stands now: a record that was refused takes no offset, one that was not synced does.
    if (topic !== undefined) await desk.look(topic).catch(() => {});
    return false;
  }
}
