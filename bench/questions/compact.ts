/**
 * How fast is a log compacted, and is the event loop held up meanwhile? Each round fills a log in which every key comes ten times, and asks
 * for its compaction.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { now } from "../clock.ts";
import { type Engine, openVarve, TOPIC } from "../peers/varve.ts";
import { NotThere, perSecond, type Question, type Subject } from "../question.ts";
import { type BenchRecord, bytesRecords, KEY_BYTES, RECORD_COUNT } from "../records.ts";
import { freshFolder } from "../stores.ts";

const TIMES_EACH = 10;
const SEGMENT_BYTES = 16 * 1024 * 1024;
const RESOLUTION_MS = 1;

interface Compactable {
  compact?(): Promise<unknown>;
}

function varve(engine: Engine): Subject {
  const mode = `topic.compact(), every key ${TIMES_EACH} times, segments of 16 MiB`;
  return {
    mode,
    async start({ folder, isQuick }) {
      const groups = isQuick ? 200 : 1000;
      const records = bytesRecords();
      return {
        mode,
        async round() {
          const log = await openVarve(freshFolder(folder), { engine });
          const options = { codec: "bytes", cleanupPolicy: "compact", segmentBytes: SEGMENT_BYTES } as const;
          const topic = await log.createTopic<Uint8Array>(TOPIC, options);
          const { compact } = topic as Compactable;
          if (compact === undefined) throw new NotThere("this version does not compact");
          const producer = log.producer();
          for (let group = 0; group < groups; group++) {
            await producer.sendBatch(topic, keyed(records, group % (groups / TIMES_EACH)));
          }
          const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
          delays.enable();
          const started = now();
          await compact.call(topic);
          const milliseconds = now() - started;
          delays.disable();
          await log.close();
          const delay = Math.max(0, delays.percentile(99.9) / 1e6 - RESOLUTION_MS);
          return {
            ...perSecond(groups * RECORD_COUNT, "records", milliseconds),
            "delay p99.9": { value: delay, unit: "ms" },
          };
        },
      };
    },
  };
}

/** The same values under other keys: the group's number is in the first four bytes. */
function keyed(records: readonly BenchRecord<Buffer>[], group: number): BenchRecord<Buffer>[] {
  return records.map(({ key, value, timestamp }) => {
    const own = Buffer.allocUnsafe(KEY_BYTES);
    key.copy(own);
    own.writeUInt32BE(group);
    return { key: own, value, timestamp };
  });
}

export default {
  title: "a log compacted (16-B key, 100-B value)",
  subjects: { varve: varve("auto"), "varve ts": varve("ts") },
  compare: [["varve", "varve ts"]],
} satisfies Question;
