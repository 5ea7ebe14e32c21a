/**
 * One trace, drawn by a seed, through both engines on a real disk, with clock, chance and identity in hand. Closed, the two
 * directories are equal byte for byte where nothing is compressed, or by gzip, which is Node's in both; the other codecs pack
 * differently and hold equal records. The same damage to both is found alike, and mended to the same bytes.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Identity } from "../src/engine/identity.ts";
import { type Compression, open, type VarveLog } from "../src/index.ts";
import { loadNative } from "../src/native.ts";
import { TestClock } from "../src/testing/clock.ts";
import { drain } from "./client/reading.ts";
import { seed } from "./sampling.ts";
import { Random } from "./simulation/random.ts";

const { native } = loadNative();
const engines = ["ts", "native"] as const;
type Engine = (typeof engines)[number];

const STEPS = 40;
const identity: Identity = {
  pid: 4711,
  hostName: "host",
  bootId: "boot",
  processStart: () => "start",
  isAlive: (pid) => pid === 4711,
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-trace-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.runIf(native)(`a trace of the seed ${seed}`, () => {
  it.each<Compression>(["none", "gzip"])("leaves the same bytes with %s", async (compression) => {
    for (const engine of engines) await runTrace(engine, compression);
    expect(bytesBelow(join(folder, "native"))).toEqual(bytesBelow(join(folder, "ts")));
  });

  it.each<Compression>(["snappy", "lz4"])(
    "leaves the same records with %s, whoever reads them",
    async (compression) => {
      for (const engine of engines) await runTrace(engine, compression);
      const texts: string[] = [];
      for (const writer of engines) for (const reader of engines) texts.push(await readAll(writer, reader));
      for (const text of texts) expect(text === texts[0]).toBe(true);
      expect(texts[0].length).toBeGreaterThan(10_000);
    },
  );

  it("damaged alike, is found and mended alike", async () => {
    await runTrace("ts", "none");
    const random = new Random(seed, 7);
    const logs = filesBelow(join(folder, "ts")).filter((path) => /^t-\d\/.*\.log$/.test(path));
    damage(join(folder, "ts"), logs, random);
    cpSync(join(folder, "ts"), join(folder, "native"), { recursive: true });
    const found: string[] = [];
    for (const engine of engines) found.push(await mend(engine));
    expect(found[0]).toContain("corrupt");
    expect(found[1]).toBe(found[0]);
    expect(bytesBelow(join(folder, "native"))).toEqual(bytesBelow(join(folder, "ts")));
    expect(await readAll("native", "native", true)).toBe(await readAll("ts", "ts", true));
  });
});

it("needs the native module, and says why it is missing", () => {
  expect(native !== undefined || loadNative().error?.code === "VARVE_ENGINE_UNAVAILABLE").toBe(true);
});

/** The clock stands still but where the trace moves it: so nothing happens in the background that is not part of it. */
async function openTraced(engine: Engine, clock: TestClock, random: Random): Promise<VarveLog> {
  const surroundings = { clock, identity, chance: (count: number) => random.bytes(count) };
  const log = await open(join(folder, engine), { engine, surroundings });
  expect(log.engine).toBe(engine);
  return log;
}

async function runTrace(engine: Engine, compression: Compression): Promise<void> {
  const random = new Random(seed);
  const clock = new TestClock();
  let log = await openTraced(engine, clock, random);
  await log.createTopic("t", {
    partitions: 2,
    codec: "bytes",
    segmentBytes: 100_000,
    compression,
    retentionBytes: 400_000,
  });
  for (let step = 0; step < STEPS; step++) {
    await act(log, random, compression);
    clock.advance(random.below(50));
    if (!random.oneIn(20)) continue;
    await log.close();
    log = await openTraced(engine, clock, random);
  }
  await log.close();
}

async function act(log: VarveLog, random: Random, compression: Compression): Promise<void> {
  const topic = log.topic<Uint8Array>("t");
  const producer = log.producer({ compression, idempotent: random.oneIn(2) });
  const records = () => Array.from({ length: 1 + random.below(60) }, () => recordOf(random));
  const choice = random.below(10);
  if (choice < 3) await producer.sendBatch(topic, records());
  else if (choice < 5) await Promise.all(records().map((record) => producer.send(topic, record)));
  else if (choice < 6) for (const record of records().slice(0, 5)) producer.appendSync(topic, record);
  else if (choice < 7) for (const record of records()) producer.push(topic, record);
  else if (choice < 8) await consume(log);
  else if (choice < 9) await log.flush();
  else await producer.sendBatch(topic, [{ key: "large", value: random.bytes(20_000) }, ...records()]);
  await producer.close();
}

async function consume(log: VarveLog): Promise<void> {
  const consumer = log.consumer({ topics: ["t"], group: "g", until: "end" });
  await drain(consumer);
  await consumer.close();
}

function recordOf(random: Random) {
  const key = random.oneIn(4) ? null : `key ${random.below(30)} ${random.oneIn(9) ? "ü" : ""}`;
  const value = random.oneIn(9)
    ? null
    : random.bytes(random.oneIn(10) ? 900 : random.below(80)).map((byte) => byte & 0x1f);
  const headers = random.oneIn(3) ? { trace: `h${random.below(9)}`, none: null } : undefined;
  return { key: value === null ? (key ?? "k") : key, value, headers };
}

/** A bit in the middle of one segment, and an end that is cut short, in a directory that looks as if its process was killed. */
function damage(root: string, logs: readonly string[], random: Random): void {
  rmSync(join(root, ".kafka_cleanshutdown"));
  const owner = {
    pid: 1,
    processStart: "0",
    bootId: "boot",
    hostName: "host",
    address: null,
    isRecovered: true,
    token: "abc",
  };
  writeFileSync(join(root, ".lock"), JSON.stringify(owner));
  rmSync(join(root, "recovery-point-offset-checkpoint"));
  for (const partition of ["t-0", "t-1"]) {
    const own = logs
      .filter((path) => path.startsWith(`${partition}/`))
      .filter((path) => statSync(join(root, path)).size > 0);
    const last = join(root, own[own.length - 1]);
    truncateSync(last, statSync(last).size - 1 - random.below(40));
    const path = join(root, own[0]);
    const bytes = readFileSync(path);
    bytes[random.below(bytes.length >> 1)] ^= 1 << random.below(8);
    writeFileSync(path, bytes);
  }
}

/** Opens and closes it; returns what was told about it. */
async function mend(engine: Engine): Promise<string> {
  const told: string[] = [];
  const tell = (message: string) => void told.push(message.replaceAll(join(folder, engine), ""));
  const random = new Random(seed, 8);
  const surroundings = { clock: new TestClock(), identity, chance: (count: number) => random.bytes(count) };
  const logger = { debug: tell, info: tell, warn: tell, error: tell };
  const log = await open(join(folder, engine), { engine, surroundings, logger });
  told.push(
    JSON.stringify(log.stats(), (name, value) => (name === "path" || name === "recoveryMs" ? undefined : value)),
  );
  await log.close();
  return told
    .join("\n")
    .replace(/^.*looked through$/gm, "")
    .concat(told.some((line) => /damaged|lost/.test(line)) ? "corrupt" : "");
}

async function readAll(writer: Engine, reader: Engine, skip = false): Promise<string> {
  const log = await open(join(folder, writer), { engine: reader, readOnly: true });
  const consumer = log.consumer<Uint8Array>({ topics: ["t"], until: "end", onCorrupt: skip ? "skip" : "throw" });
  const lines: string[] = [];
  for (const { partition, offset, timestamp, key, rawValue, headers } of await drain(consumer)) {
    const value = rawValue && Buffer.from(rawValue).toString("base64");
    const pairs = headers.map(([name, content]) => [name, content && Buffer.from(content).toString()]);
    lines.push(JSON.stringify({ partition, offset, timestamp, key, value, pairs }));
  }
  await log.close();
  return lines.sort().join("\n");
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** Path → bytes, as text. The name of a piece that was set aside has the time in it, which is the disk's own. */
function bytesBelow(root: string): Record<string, string> {
  const entries = filesBelow(root).map((path) => {
    const name = basename(path).replace(/\.corrupt-.*/, ".corrupt");
    return [join(path, "..", name), readFileSync(join(root, path)).toString("latin1")];
  });
  return Object.fromEntries(entries);
}
