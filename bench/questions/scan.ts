/** How fast are all records read in order, from the page cache, their keys and values in the application's hand? */
import { now } from "../clock.ts";
import { sqlite } from "../peers/better-sqlite3.ts";
import { Chronicle } from "../peers/chronicle.ts";
import { level } from "../peers/classic-level.ts";
import { hypercore } from "../peers/hypercore.ts";
import { consumerPerformance, producerPerformance } from "../peers/kafka.ts";
import { createTopic } from "../peers/kafkajs.ts";
import { lmdb } from "../peers/lmdb.ts";
import { raw, storedBatch } from "../peers/raw.ts";
import { eager, eagerBatches, lazy, recycled, varve } from "../peers/varve.ts";
import { perSecond, type Question, type Subject } from "../question.ts";
import { bytesRecords, RECORD_BYTES, RECORD_COUNT } from "../records.ts";
import { storesScanned } from "../stores.ts";

const rawBytes = storedBatch(bytesRecords()).length / RECORD_COUNT;

/** The same bytes, moved within memory by 256 KiB: more than any read can do. */
const memcpy: Subject = {
  mode: "Buffer.copy by 256 KiB of the stored bytes in memory",
  async start({ isQuick }) {
    const batch = storedBatch(bytesRecords());
    const count = isQuick ? 200 : 1000;
    const memory = Buffer.concat(Array.from({ length: count }, () => batch));
    const chunk = Buffer.alloc(256 * 1024);
    return {
      round() {
        const started = now();
        for (let at = 0; at < memory.length; at += chunk.length) memory.copy(chunk, 0, at);
        return perSecond(count * RECORD_COUNT, "records", now() - started);
      },
    };
  },
};

function chronicle(command: "scan" | "walk"): Subject {
  return {
    mode: `tailer.readingDocument, ${command === "scan" ? "key and value copied into a byte[] each" : "bytes not touched"}`,
    needs: ["chronicle"],
    async start({ folder, isQuick }) {
      const driver = new Chronicle();
      const count = isQuick ? 200_000 : 1_000_000;
      await driver.ask("open", folder);
      await driver.ask("append", count, 60_000);
      return {
        async round() {
          const { milliseconds, count: sum } = await driver.ask(command);
          const expected = command === "scan" ? count * RECORD_BYTES : count;
          if (sum !== expected) throw new Error(`Chronicle Queue read ${sum} where ${expected} was expected`);
          return perSecond(count, "records", milliseconds);
        },
        end: () => driver.end(),
      };
    },
  };
}

const kafka: Subject = {
  mode: "ConsumerPerformance, its rate while fetching; byte[], over loopback",
  waits: true,
  needs: ["packages", "kafka tools", "kafka"],
  async start({ kafka: address, isQuick }) {
    const count = isQuick ? 500_000 : 2_000_000;
    await createTopic(address!, "scan");
    await producerPerformance(address!, "scan", count, RECORD_BYTES);
    return {
      async round() {
        return { "": { value: await consumerPerformance(address!, "scan", count), unit: "records/s" } };
      },
    };
  },
};

export default {
  title: "all records read in order (16-B key, 100-B value, stored in groups of 1000)",
  subjects: {
    varve: storesScanned(varve({ scan: eager })),
    "varve batches": storesScanned(varve({ scan: eagerBatches })),
    "varve reuse": storesScanned(varve({ scan: recycled })),
    "varve lazy": storesScanned(varve({ scan: lazy }), [], { bytesPerRecord: 1 }),
    "varve ts": storesScanned(varve({ engine: "ts", scan: eager })),
    raw: storesScanned(raw, [], { bytesPerRecord: rawBytes }),
    memcpy,
    lmdb: storesScanned(lmdb(), ["packages"]),
    "better-sqlite3": storesScanned(sqlite("OFF"), ["packages", "better-sqlite3"]),
    "classic-level": storesScanned(level(), ["packages"]),
    hypercore: storesScanned(hypercore, ["packages"], { share: 0.1 }),
    chronicle: chronicle("scan"),
    "chronicle lazy": chronicle("walk"),
    kafka,
  },
  compare: [
    ["varve", "lmdb"],
    ["varve", "better-sqlite3"],
    ["varve", "kafka"],
    ["varve reuse", "lmdb"],
    ["varve reuse", "better-sqlite3"],
    ["varve lazy", "chronicle lazy"],
    ["varve lazy", "chronicle"],
    ["varve ts", "lmdb"],
    ["varve", "raw"],
    ["varve", "chronicle"],
    ["varve", "classic-level"],
    ["varve", "hypercore"],
    ["varve batches", "lmdb"],
  ],
} satisfies Question;
