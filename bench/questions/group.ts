/**
 * What do a group that commits by itself and an idempotent producer cost? The same records written and read again by the plain path, and
 * with all that is on by default; each round in a new log.
 */
import { now } from "../clock.ts";
import { type Engine, openVarve, TOPIC } from "../peers/varve.ts";
import { perSecond, type Question, type Subject } from "../question.ts";
import { bytesRecords, RECORD_BYTES, RECORD_COUNT } from "../records.ts";
import { freshFolder } from "../stores.ts";

interface Path {
  idempotent: boolean;
  group?: string;
}

function written(mode: string, { idempotent, group }: Path, engine: Engine = "auto"): Subject {
  return {
    mode,
    async start({ folder, isQuick }) {
      const records = bytesRecords();
      const groups = isQuick ? 200 : 1000;
      const count = groups * RECORD_COUNT;
      return {
        async round() {
          const log = await openVarve(freshFolder(folder), { engine });
          const topic = await log.createTopic<Uint8Array>(TOPIC, { codec: "bytes" });
          const producer = log.producer({ idempotent });
          const started = now();
          for (let each = 0; each < groups; each++) await producer.sendBatch(topic, records);
          const consumer = log.consumer<Uint8Array>({ topics: [topic], group, until: "end", keyCodec: "bytes" });
          let bytes = 0;
          for await (const { key, value } of consumer) bytes += key!.length + value!.length;
          const milliseconds = now() - started;
          if (bytes !== count * RECORD_BYTES) throw new Error(`${bytes} bytes were read of ${count * RECORD_BYTES}`);
          await log.close();
          return perSecond(count, "records", milliseconds);
        },
      };
    },
  };
}

const call = "sendBatch, then for await of a consumer until the end; codec bytes, key and value as Uint8Array";

export default {
  title: "records written and read again, with and without a group, auto-commit and idempotence",
  subjects: {
    "varve plain": written(`${call}; no group, idempotent: false`, { idempotent: false }),
    "varve group": written(`${call}; group with auto-commit, idempotent`, { idempotent: true, group: "billing" }),
  },
  compare: [["varve group", "varve plain"]],
} satisfies Question;
