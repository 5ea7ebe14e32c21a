/**
 * What an application does with a log, on whatever runtime runs it: each way to write, each codec and compression, groups, a close
 * and an open in between; every value is held against what was written. Prints one line of JSON.
 *
 *   RUNTIME workload.mjs FOLDER native|ts
 */
import assert from "node:assert/strict";
import { open, VarveError } from "varve";

const [folder, engine] = process.argv.slice(2);
const COUNT = 600;
const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"];
const left = [];
let records = 0;

const valueAt = (i) => ({ i, text: `wörld ${i} ${"ab".repeat(i % 97)}` });
const recordAt = (i) => ({ key: `key-${i % 50}`, value: valueAt(i), headers: { n: String(i) }, partition: i % 3 });

const log = await open(folder, { engine });
for (const compression of COMPRESSIONS) await write(compression, compression === "none" ? "power" : "process");
const name = log.engine;
await log.close();

const again = await open(folder, { engine });
assert.equal(again.engine, name);
for (const topic of again.topics()) records += await check(topic);
await checkGroup();
await checkErrors();
await again.close();
console.log(JSON.stringify({ engine: name, records, left }));

async function write(compression, durability) {
  const topic = await log.createTopic(compression, { partitions: 3, durability, segmentBytes: 32_768 });
  const producer = log.producer({ compression });
  try {
    await producer.sendBatch(
      topic,
      Array.from({ length: COUNT }, (_, i) => recordAt(i)),
    );
  } catch (error) {
    // A runtime that cannot make zstd says so; nothing else may be left out.
    if (compression !== "zstd" || error.code !== "VARVE_CODEC_UNAVAILABLE") throw error;
    left.push(compression);
    await producer.close().catch(() => {});
    await log.deleteTopic(compression);
    return;
  }
  const sent = Array.from({ length: COUNT }, (_, i) => producer.send(topic, recordAt(COUNT + i)));
  const places = await Promise.all(sent);
  assert.equal(new Set(places.map(({ partition, offset }) => `${partition}/${offset}`)).size, COUNT);
  for (let i = 0; i < COUNT; i++) producer.appendSync(topic, recordAt(2 * COUNT + i));
  for (let i = 0; i < COUNT; i++) if (!producer.push(topic, recordAt(3 * COUNT + i))) await producer.drained();
  await producer.flush();
  await producer.close();
}

/** By iteration and by single reads. Returns how many there are. */
async function check(topic) {
  let count = 0;
  for (let partition = 0; partition < 3; partition++) {
    let i = partition;
    for await (const record of topic.read({ partition })) {
      assert.deepEqual(record.value, valueAt(i));
      assert.equal(record.key, `key-${i % 50}`);
      assert.equal(Buffer.from(record.header("n")).toString(), String(i));
      i += 3;
      count++;
    }
    for (const offset of [0, 17, 511])
      assert.deepEqual((await topic.get(partition, offset)).value, valueAt(offset * 3 + partition));
  }
  assert.equal(count, 4 * COUNT);
  return count;
}

async function checkGroup() {
  const seen = new Set();
  for (let round = 0; round < 2; round++) {
    const consumer = again.consumer({ topics: ["none"], group: "workload", until: "end", autoCommit: false });
    for await (const batch of consumer.batches({ maxRecords: 500 })) {
      for (const { partition, offset } of batch) seen.add(`${partition}/${offset}`);
      await batch.commit();
      if (round === 0) break;
    }
    await consumer.close();
  }
  assert.equal(seen.size, 4 * COUNT);
}

async function checkErrors() {
  await assert.rejects(open(folder, { engine }), { code: "VARVE_LOCKED" });
  assert.throws(
    () => again.topic("nowhere"),
    (error) => error instanceof VarveError && error.code === "VARVE_UNKNOWN_TOPIC",
  );
}
