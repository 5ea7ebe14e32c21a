/**
 * How fast do records go in one by one, when nobody groups them beforehand? By a call without a promise, by a promise each with 1000 in
 * flight, and by a call that has stored the record when it returns.
 */
import { now } from "../clock.ts";
import { sqlite } from "../peers/better-sqlite3.ts";
import { openHypercore } from "../peers/hypercore.ts";
import { connectKafkajs } from "../peers/kafkajs.ts";
import { openLmdb } from "../peers/lmdb.ts";
import type { StoreKind } from "../peers/store.ts";
import { type Engine, openVarve, TOPIC } from "../peers/varve.ts";
import { type Figures, perSecond, type Question, type Setting, type Subject } from "../question.ts";
import { type BenchRecord, bytesRecords, RECORD_BYTES } from "../records.ts";
import { freshFolder, MOST_RECORDS } from "../stores.ts";
import { chronicleFilled } from "./append.ts";

type Record = BenchRecord<Buffer>;

const IN_FLIGHT = 1000;

/** A writer that is opened anew for each round, and takes a record at a time. */
interface Writer {
  note?: string;
  /** Takes all of them, one call each. */
  write(records: readonly Record[]): unknown;
  /** Comes back when all that was written is stored. */
  settle?(): Promise<unknown>;
  close(): unknown;
}

function writing(mode: string, open: (setting: Setting) => Promise<Writer>, rest: Partial<Subject> = {}): Subject {
  return {
    mode,
    ...rest,
    async start(setting) {
      const records = bytesRecords();
      const first = await open({ ...setting, folder: freshFolder(setting.folder) });
      await first.close();
      return {
        mode: first.note ? `${mode}; ${first.note}` : mode,
        async round() {
          const writer = await open({ ...setting, folder: freshFolder(setting.folder) });
          const figures = await write(writer, records, setting.seconds * 1000);
          await writer.close();
          return figures;
        },
      };
    },
  };
}

async function write(writer: Writer, records: readonly Record[], milliseconds: number): Promise<Figures> {
  let count = 0;
  const started = now();
  do {
    const pending = writer.write(records);
    if (pending instanceof Promise) await pending;
    count += records.length;
  } while (now() - started < milliseconds && count < MOST_RECORDS);
  await writer.settle?.();
  return perSecond(count, "records", now() - started);
}

type Call = "push" | "send" | "appendSync";

const CALLS: { [call in Call]: string } = {
  push: "push, waiting for drained() when it says so, linger 5 ms",
  send: `send, ${IN_FLIGHT} promises in flight`,
  appendSync: "appendSync, each a stored batch, there when it returns",
};

function varve(call: Call, engine: Engine = "auto"): Subject {
  return writing(`${CALLS[call]}; codec bytes, Buffer`, async ({ folder }) => {
    const log = await openVarve(folder, { engine });
    const topic = await log.createTopic<Uint8Array>(TOPIC, { codec: "bytes" });
    const producer = log.producer({ lingerMs: call === "push" ? 5 : 0 });
    const calls = {
      async push(records: readonly Record[]) {
        for (const record of records) if (!producer.push(topic, record)) await producer.drained();
      },
      send: (records: readonly Record[]) => Promise.all(records.map((record) => producer.send(topic, record))),
      appendSync(records: readonly Record[]) {
        for (const record of records) producer.appendSync(topic, record);
      },
    };
    return {
      note: `engine ${log.engine}`,
      write: calls[call],
      settle: () => producer.flush(),
      close: () => log.close(),
    };
  });
}

/** lmdb gathers puts into transactions by itself, and writes them on a thread of its own. */
const lmdbPut = writing(
  "put, the last promise of each 1000 awaited, noSync; Buffer",
  async ({ folder }) => {
    const db = openLmdb(folder, { noSync: true });
    let offset = 0;
    return {
      write(records) {
        let last: Promise<boolean> | undefined;
        for (const { key, value } of records) last = db.put(offset++, Buffer.concat([key, value], RECORD_BYTES));
        return last;
      },
      close: () => db.close(),
    };
  },
  { needs: ["packages"] },
);

/** A group of one is a transaction of its own. */
function oneByOne(kind: StoreKind): Subject {
  return writing(
    `${kind.append}; each record a transaction`,
    async ({ folder }) => {
      const store = await kind.open(folder);
      return {
        write(records) {
          for (const record of records) store.append([record]);
        },
        close: () => store.close(),
      };
    },
    { needs: ["packages", "better-sqlite3"] },
  );
}

const hypercoreAppend = writing(
  `append, ${IN_FLIGHT} promises in flight; Buffer`,
  async ({ folder }) => {
    const core = await openHypercore(folder);
    return {
      write: (records) =>
        Promise.all(records.map(({ key, value }) => core.append(Buffer.concat([key, value], RECORD_BYTES)))),
      close: () => core.close(),
    };
  },
  { needs: ["packages"] },
);

/** Each send is a request of its own; the client sends what it is given. */
const kafkajs = writing(
  `kafkajs to a real Kafka: send of one record, acks 1, ${IN_FLIGHT} promises in flight; Buffer`,
  async ({ kafka }) => {
    const { producer, topic, close } = await connectKafkajs(kafka!);
    return {
      write: (records) =>
        Promise.all(records.map(({ key, value }) => producer.send({ topic, acks: 1, messages: [{ key, value }] }))),
      close,
    };
  },
  { needs: ["packages", "kafka tools", "kafka"], waits: true },
);

export default {
  title: "records appended one by one (16-B key, 100-B value)",
  subjects: {
    "varve push": varve("push"),
    "varve send": varve("send"),
    "varve appendSync": varve("appendSync"),
    "varve ts push": varve("push", "ts"),
    "varve ts appendSync": varve("appendSync", "ts"),
    "lmdb put": lmdbPut,
    "better-sqlite3 OFF": oneByOne(sqlite("OFF")),
    hypercore: hypercoreAppend,
    chronicle: chronicleFilled,
    kafkajs,
  },
  compare: [
    ["varve push", "lmdb put"],
    ["varve send", "kafkajs"],
    ["varve appendSync", "chronicle"],
    ["varve ts push", "lmdb put"],
    ["varve ts appendSync", "chronicle"],
    ["varve send", "lmdb put"],
    ["varve appendSync", "better-sqlite3 OFF"],
    ["varve send", "hypercore"],
  ],
} satisfies Question;
