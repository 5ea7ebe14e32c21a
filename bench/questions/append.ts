/**
 * How fast do records go in, in groups of 1000? What counts is that they survive the death of the process, nobody syncs; each round
 * fills a store of its own, from empty, and throws it away.
 */
import { sqlite } from "../peers/better-sqlite3.ts";
import { Chronicle } from "../peers/chronicle.ts";
import { level } from "../peers/classic-level.ts";
import { hypercore } from "../peers/hypercore.ts";
import { producerPerformance } from "../peers/kafka.ts";
import { createTopic, deleteTopic } from "../peers/kafkajs.ts";
import { lmdb } from "../peers/lmdb.ts";
import { raw } from "../peers/raw.ts";
import { varve } from "../peers/varve.ts";
import { perSecond, type Question, type Subject } from "../question.ts";
import { RECORD_BYTES } from "../records.ts";
import { freshFolder, MOST_RECORDS, storesFilled } from "../stores.ts";

export const chronicleFilled: Subject = {
  mode: "writingDocument, one by one (it has no groups); byte[]",
  needs: ["chronicle"],
  async start({ folder, seconds }) {
    const driver = new Chronicle();
    return {
      async round() {
        await driver.ask("open", freshFolder(folder));
        const { milliseconds, count } = await driver.ask("append", MOST_RECORDS, seconds * 1000);
        await driver.ask("close");
        return perSecond(count, "records", milliseconds);
      },
      end: () => driver.end(),
    };
  },
};

const kafka: Subject = {
  mode: "ProducerPerformance: acks=1, batch.size 131072, linger 5 ms; 116 B of value, over loopback",
  waits: true,
  needs: ["packages", "kafka tools", "kafka"],
  async start({ kafka: address, isQuick }) {
    let round = 0;
    return {
      async round() {
        const topic = `append-${round++}`;
        await createTopic(address!, topic);
        const rate = await producerPerformance(address!, topic, isQuick ? 500_000 : 2_000_000, RECORD_BYTES);
        await deleteTopic(address!, topic);
        return { "": { value: rate, unit: "records/s" } };
      },
    };
  },
};

export default {
  title: "records appended in groups of 1000 (16-B key, 100-B value)",
  subjects: {
    varve: storesFilled(varve()),
    "varve ts": storesFilled(varve({ engine: "ts" })),
    raw: storesFilled(raw),
    lmdb: storesFilled(lmdb(), ["packages"]),
    "better-sqlite3 OFF": storesFilled(sqlite("OFF"), ["packages", "better-sqlite3"]),
    "better-sqlite3 NORMAL": storesFilled(sqlite("NORMAL"), ["packages", "better-sqlite3"]),
    "classic-level": storesFilled(level(), ["packages"]),
    hypercore: storesFilled(hypercore, ["packages"]),
    chronicle: chronicleFilled,
    kafka,
  },
  compare: [
    ["varve", "raw"],
    ["varve", "lmdb"],
    ["varve", "better-sqlite3 OFF"],
    ["varve", "chronicle"],
    ["varve", "kafka"],
    ["varve ts", "lmdb"],
    ["varve ts", "better-sqlite3 OFF"],
    ["varve", "better-sqlite3 NORMAL"],
    ["varve", "classic-level"],
    ["varve", "hypercore"],
    ["varve", "varve ts"],
  ],
} satisfies Question;
