/**
 * Does retention hold up the event loop? 50,000 records a second go in, in groups of 50, while old segments are deleted behind them; a
 * timer of a millisecond beside them tells how long it was kept waiting.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/storage/clock.ts";
import { type Engine, openVarve, TOPIC } from "../peers/varve.ts";
import type { Figures, Question, Subject } from "../question.ts";
import { bytesRecords } from "../records.ts";

const RECORDS_PER_SECOND = 50_000;
const GROUP = 50;
const MIB = 1024 * 1024;
/** The monitor's own timer fires that often, and counts the time between. */
const RESOLUTION_MS = 1;

/** What a log does every five minutes (its retention passes) comes twice a second here. */
const hurriedClock = {
  ...systemClock,
  schedule: (ms: number, fn: () => void) => systemClock.schedule(ms === 300_000 ? 500 : ms, fn),
};

function varve(engine: Engine, retains: boolean): Subject {
  const mode = `sendBatch of ${GROUP}, ${RECORDS_PER_SECOND}/s${retains ? ", retentionBytes 32 MiB in segments of 4 MiB, a retention pass every 500 ms" : ", nothing retained"}`;
  return {
    mode,
    waits: true,
    async start({ folder, isQuick }) {
      const log = await openVarve(folder, { engine, surroundings: { clock: hurriedClock } });
      const retention = { retentionBytes: 32 * MIB, segmentBytes: 4 * MIB };
      const topic = await log.createTopic<Uint8Array>(TOPIC, { codec: "bytes", ...(retains ? retention : {}) });
      const producer = log.producer();
      const records = bytesRecords().slice(0, GROUP);
      const send = () => producer.sendBatch(topic, records);
      return {
        mode: `${mode}; engine ${log.engine}`,
        round: () => observed(send, isQuick ? 1 : 8),
        end: () => log.close(),
      };
    },
  };
}

async function observed(send: () => Promise<unknown>, seconds: number): Promise<Figures> {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const started = performance.now();
  const end = started + seconds * 1000;
  let sent = 0;
  delays.enable();
  for (let time = started; time < end; time = performance.now()) {
    const due = ((time - started) / 1000) * RECORDS_PER_SECOND;
    for (; sent + GROUP <= due; sent += GROUP) await send();
    await sleep(1);
  }
  delays.disable();
  const delay = (nanoseconds: number) => ({ value: Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS), unit: "ms" });
  return {
    "delay p50": delay(delays.percentile(50)),
    "delay p99": delay(delays.percentile(99)),
    "delay p99.9": delay(delays.percentile(99.9)),
    "delay max": delay(delays.max),
    rate: { value: sent / seconds, unit: "records/s" },
  };
}

export default {
  title: "how long the event loop is held up while 50,000 records a second come and as many go",
  subjects: {
    varve: varve("auto", true),
    "varve ts": varve("ts", true),
    "varve without retention": varve("auto", false),
  },
  compare: [["varve delay p99.9", "varve without retention delay p99.9"]],
} satisfies Question;
