/** `varve produce`: lines in, records and acknowledgements out. */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { open } from "../../src/index.ts";
import { type DataFolder, dataFolder } from "./data-folder.ts";

async function folderWith(...options: string[]): Promise<DataFolder> {
  const folder = dataFolder();
  await folder.run("topics", "create", "t", ...options);
  return folder;
}

async function stored({ dir }: DataFolder) {
  const log = await open(dir, { readOnly: true });
  const records = await log.topic("t").all();
  await log.close();
  return records.map(({ partition, rawKey, rawValue }) => ({
    partition,
    key: rawKey && Buffer.from(rawKey).toString("latin1"),
    value: rawValue && Buffer.from(rawValue).toString("latin1"),
  }));
}

const values = async (folder: DataFolder) => (await stored(folder)).map(({ value }) => value);

describe("lines", () => {
  it("become values, byte for byte, the last one also without its end", async () => {
    const folder = await folderWith();
    const bytes = Buffer.from([0x61, 0x0a, 0x0a, 0xff, 0x00, 0x0d, 0x0a, 0x7a]);
    const { code, stdout, stderr } = await folder.runWith({ stdin: pieces(bytes) }, "produce", "t");
    expect([code, stdout, stderr]).toEqual([0, "", "produced 4 records to t\n"]);
    expect(await values(folder)).toEqual(["a", "", "\xff\x00\r", "z"]);
  });

  it("may come in pieces of any size", async () => {
    const folder = await folderWith();
    const bytes = Buffer.from("one\ntwo\nthree\n");
    await folder.runWith({ stdin: pieces(...Array.from(bytes, (byte) => Buffer.from([byte]))) }, "produce", "t");
    expect(await values(folder)).toEqual(["one", "two", "three"]);
  });

  it("are none in an empty input", async () => {
    const folder = await folderWith();
    expect(await folder.run("produce", "t")).toMatchObject({ code: 0, stderr: "produced 0 records to t\n" });
  });

  it("are cut at the first separator into key and value", async () => {
    const folder = await folderWith("--partitions", "3");
    await folder.runWith({ stdin: "a=>1\nb=>=>\n=>c\n" }, "produce", "t", "--key-separator", "=>", "--partition", "2");
    expect(await stored(folder)).toEqual([
      { partition: 2, key: "a", value: "1" },
      { partition: 2, key: "b", value: "=>" },
      { partition: 2, key: "", value: "c" },
    ]);
  });

  it("go to the partition of their key, as in Kafka", async () => {
    const folder = await folderWith("--partitions", "3");
    await folder.runWith({ stdin: "a:1\nb:2\nc:3\na:4\n" }, "produce", "t", "--key-separator", ":");
    const partitionOf = Object.fromEntries((await stored(folder)).map(({ key, partition }) => [key, partition]));
    // murmur2, from Kafka's own client.
    expect(partitionOf).toEqual({ a: 1, b: 2, c: 1 });
  });

  it("without a separator end the command; those before them are stored", async () => {
    const folder = await folderWith();
    const { code, stderr } = await folder.runWith(
      { stdin: "a:1\nb:2\nnothing\nd:4\n" },
      "produce",
      "t",
      "--key-separator",
      ":",
    );
    expect([code, stderr]).toEqual([
      1,
      'varve: line 3 of the input has no ":" in it; the lines before it are stored\n',
    ]);
    expect(await values(folder)).toEqual(["1", "2"]);
  });

  it("that are too long end the command and are named", async () => {
    const folder = await folderWith("--config", "max.message.bytes=200");
    const { code, stderr } = await folder.runWith({ stdin: `short\n${"x".repeat(300)}\n` }, "produce", "t");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/line 2 of the input: .*VARVE_RECORD_TOO_LARGE/)]);
    expect(await values(folder)).toEqual(["short"]);
  });
});

it("acknowledges each record with --json, in the order of the input", async () => {
  const folder = await folderWith("--partitions", "2");
  const lines = Array.from({ length: 3000 }, (_, i) => `k${i}:v${i}`);
  const { objects } = await folder.runWith(
    { stdin: lines.join("\n") },
    "produce",
    "t",
    "--json",
    "--key-separator",
    ":",
  );
  const log = await open(folder.dir, { readOnly: true });
  const topic = log.topic("t");
  expect(objects()).toHaveLength(lines.length);
  for (const [index, { topic: name, partition, offset, timestamp }] of objects().entries()) {
    const record = await topic.get(partition, offset);
    expect([name, record?.key, Buffer.from(record!.rawValue!).toString()]).toEqual(["t", `k${index}`, `v${index}`]);
    expect(record?.timestamp).toBe(timestamp);
  }
  await log.close();
});

it("compresses when asked to", async () => {
  const folder = await folderWith();
  await folder.runWith({ stdin: "x\n".repeat(500) }, "produce", "t", "--compression", "gzip");
  const { objects } = await folder.run("dump", "--json", `${folder.dir}/t-0/00000000000000000000.log`);
  expect(new Set(objects().map(({ compression }) => compression))).toEqual(new Set(["gzip"]));
  expect(objects()).toHaveLength(500);
});

it("ends when it is interrupted, with everything acknowledged stored", async () => {
  const folder = await folderWith();
  const ending = new AbortController();
  async function* endless() {
    for (let i = 0; ; i++) {
      yield Buffer.from(`line ${i}\n`);
      if (i === 10) ending.abort();
      await delay(1);
    }
  }
  const { code, objects } = await folder.runWith({ stdin: endless(), signal: ending.signal }, "produce", "t", "--json");
  expect(code).toBe(0);
  expect(objects().length).toBeGreaterThan(0);
  expect(await values(folder)).toHaveLength(objects().length);
});

it.each([
  [1, "VARVE_UNKNOWN_TOPIC", ["nowhere"]],
  [1, "VARVE_UNKNOWN_PARTITION", ["t", "--partition", "7"]],
  [2, "Allowed choices", ["t", "--compression", "rar"]],
  [2, "not empty", ["t", "--key-separator", ""]],
  [2, "missing required argument", []],
])("fails with %i and says %s", async (code, message, args) => {
  const folder = await folderWith();
  const result = await folder.runWith({ stdin: "a\n" }, "produce", ...args);
  expect(result).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(message) });
  expect(await values(folder)).toEqual([]);
});

async function* pieces(...all: Uint8Array[]) {
  yield* all;
}
