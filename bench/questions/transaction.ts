/** How many transactions of 100 records are committed in a second, one after the other? */
import { now } from "../clock.ts";
import { type Engine, openVarve, TOPIC } from "../peers/varve.ts";
import { NotThere, perSecond, type Question, type Subject } from "../question.ts";
import { bytesRecords } from "../records.ts";
import { freshFolder } from "../stores.ts";

const RECORDS_EACH = 100;

interface Transactional {
  transaction?(work: (tx: { send(topic: unknown, record: unknown): void }) => Promise<void>): Promise<unknown>;
}

function varve(engine: Engine): Subject {
  const mode = `producer.transaction of ${RECORDS_EACH} tx.send to one partition, durability process; codec bytes, Buffer`;
  return {
    mode,
    async start({ folder, seconds }) {
      const records = bytesRecords().slice(0, RECORDS_EACH);
      let round = 0;
      const log = await openVarve(freshFolder(folder), { engine });
      const topic = await log.createTopic<Uint8Array>(TOPIC, { codec: "bytes" });
      if (!("transaction" in log.producer())) throw new NotThere("this version has no transactions");
      return {
        mode: `${mode}; engine ${log.engine}`,
        async round() {
          const options = { transactionalId: `bench-${round++}` };
          const producer = log.producer(options as object) as unknown as Required<Transactional>;
          let count = 0;
          const started = now();
          do {
            await producer.transaction(async (tx) => {
              for (const record of records) tx.send(topic, record);
            });
            count++;
          } while (now() - started < seconds * 1000);
          return perSecond(count, "transactions", now() - started);
        },
        end: () => log.close(),
      };
    },
  };
}

export default {
  title: `transactions of ${RECORDS_EACH} records (16-B key, 100-B value), one after the other`,
  subjects: { varve: varve("auto"), "varve ts": varve("ts") },
  compare: [["varve", "varve ts"]],
} satisfies Question;
