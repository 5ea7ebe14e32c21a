/** `varve consume`: alone, in a group, bounded and live. */
import { describe, expect, it } from "vitest";
import { open } from "../../src/index.ts";
import { type DataFolder, dataFolder } from "./data-folder.ts";

async function folderWith(lines: readonly string[], ...options: string[]): Promise<DataFolder> {
  const folder = dataFolder();
  await folder.run("topics", "create", "t", ...options);
  await produce(folder, lines);
  return folder;
}

async function produce(folder: DataFolder, lines: readonly string[]): Promise<void> {
  const { code } = await folder.runWith({ stdin: lines.map((line) => `${line}\n`).join("") }, "produce", "t");
  expect(code).toBe(0);
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `v${from + i}`);
const linesOf = (text: string) => text.split("\n").slice(0, -1);

describe("alone", () => {
  it("prints the values, from the beginning to the end", async () => {
    const folder = await folderWith(numbers(0, 2000));
    const { code, stdout, stderr } = await folder.run("consume", "t", "--from-beginning", "--until", "end");
    expect([code, stderr]).toEqual([0, ""]);
    expect(linesOf(stdout)).toEqual(numbers(0, 2000));
  });

  it("prints bytes as they are, and null for a tombstone", async () => {
    const folder = await folderWith([]);
    const log = await open(folder.dir);
    const producer = log.producer({ codec: "bytes" });
    await producer.send("t", { value: new Uint8Array([0xff, 0, 0xfe]) });
    await producer.send("t", { key: "k", value: null });
    await log.close();
    const { bytes } = await folder.run("consume", "t", "--until", "end");
    expect([...bytes]).toEqual([0xff, 0, 0xfe, 0x0a, ...Buffer.from("null\n")]);
  });

  it("prints whole records with --json, in any encoding", async () => {
    const folder = await folderWith([]);
    const log = await open(folder.dir);
    await log.topic("t").send({
      key: "k",
      value: { a: 1 },
      headers: [
        ["h", "x"],
        ["h", null],
      ],
      timestamp: 1234,
    });
    await log.close();
    const { objects } = await folder.run("consume", "t", "--json", "--until", "end", "--encoding", "hex");
    const record = { topic: "t", partition: 0, offset: 0, timestamp: 1234, timestampType: "CreateTime" };
    expect(objects()).toEqual([
      {
        ...record,
        key: "6b",
        value: "7b2261223a317d",
        headers: [
          ["h", "78"],
          ["h", null],
        ],
      },
    ]);
  });

  it("starts at an offset of a partition, and ends after --max", async () => {
    const folder = await folderWith(numbers(0, 20));
    const { code, stdout } = await folder.run("consume", "t", "--partition", "0", "--offset", "7", "--max", "5");
    expect([code, linesOf(stdout)]).toEqual([0, numbers(7, 12)]);
  });

  it("writes nothing and takes no lock: its owner may be at work", async () => {
    const folder = await folderWith(numbers(0, 3));
    const owner = await open(folder.dir);
    const { code, stdout } = await folder.run("consume", "t", "--from-beginning", "--until", "end");
    expect([code, linesOf(stdout)]).toEqual([0, numbers(0, 3)]);
    await owner.close();
  });

  it("follows what an owner writes, from where the topic ended at the start", async () => {
    const folder = await folderWith(numbers(0, 3));
    const owner = await open(folder.dir);
    const topic = owner.topic("t", { codec: "string" });
    let seen = "";
    const ending = new AbortController();
    let started = () => {};
    const isStarted = new Promise<void>((resolve) => {
      started = resolve;
    });
    // It has looked at the end once a first record of the owner arrives, however many that takes.
    const probing = (async () => {
      for (let i = 0; !seen; i++) {
        await topic.send({ value: `probe ${i}` });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      started();
    })();
    const options = {
      signal: ending.signal,
      onStdout: (text: string) => {
        seen += text;
        if (seen.includes("the last one\n")) ending.abort();
        return undefined;
      },
    };
    const running = folder.runWith(options, "consume", "t");
    await isStarted;
    await probing;
    for (let i = 0; i < 100; i++) await topic.send({ value: `live ${i}` });
    await topic.send({ value: "the last one" });
    const { code } = await running;
    await owner.close();
    expect(code).toBe(0);
    const lines = linesOf(seen);
    const first = Number(lines[0].slice("probe ".length));
    const probes = lines.filter((line) => line.startsWith("probe "));
    expect(lines).toEqual([
      ...probes.map((_, i) => `probe ${first + i}`),
      ...Array.from({ length: 100 }, (_, i) => `live ${i}`),
      "the last one",
    ]);
  });

  it("ends quietly when nobody reads any more", async () => {
    const folder = await folderWith(numbers(0, 50_000));
    let pieces = 0;
    const onStdout = () => ++pieces === 1;
    const { code, stderr } = await folder.runWith({ onStdout }, "consume", "t", "--from-beginning");
    expect([code, stderr, pieces]).toEqual([0, "", 1]);
  });
});

describe("in a group", () => {
  it("commits what it has printed, no more and no less", async () => {
    const folder = await folderWith(numbers(0, 1000));
    const seen: string[] = [];
    for (const max of ["1", "2", "500", "300"]) {
      const { code, stdout } = await folder.run("consume", "t", "--group", "g", "--max", max);
      expect([code, linesOf(stdout).length]).toEqual([0, Number(max)]);
      seen.push(...linesOf(stdout));
    }
    seen.push(...linesOf((await folder.run("consume", "t", "--group", "g", "--until", "end")).stdout));
    expect(seen).toEqual(numbers(0, 1000));
    expect((await folder.run("consume", "t", "--group", "g", "--until", "end")).stdout).toBe("");
    expect(linesOf((await folder.run("consume", "t", "--group", "other", "--until", "end")).stdout)).toHaveLength(1000);
  });

  it("goes on where it has committed, also with --from-beginning", async () => {
    const folder = await folderWith(numbers(0, 10));
    await folder.run("consume", "t", "--group", "g", "--max", "4", "--from-beginning");
    const { stdout } = await folder.run("consume", "t", "--group", "g", "--max", "2", "--from-beginning");
    expect(linesOf(stdout)).toEqual(numbers(4, 6));
  });

  it("commits at an interrupt, while it waits for more", async () => {
    const folder = await folderWith(numbers(0, 10));
    const ending = new AbortController();
    const onStdout = (text: string) => {
      if (text.includes("v9")) ending.abort();
      return undefined;
    };
    const first = await folder.runWith({ signal: ending.signal, onStdout }, "consume", "t", "--group", "g");
    expect([first.code, linesOf(first.stdout)]).toEqual([0, numbers(0, 10)]);
    await produce(folder, ["v10"]);
    expect((await folder.run("consume", "t", "--group", "g", "--until", "end")).stdout).toBe("v10\n");
  });

  it("does not commit what its reader did not take", async () => {
    const folder = await folderWith(numbers(0, 50_000));
    let taken = "";
    const onStdout = (text: string) => {
      taken += text;
      return true;
    };
    const first = await folder.runWith({ onStdout }, "consume", "t", "--group", "g");
    expect(first.code).toBe(0);
    const { stdout } = await folder.run("consume", "t", "--group", "g", "--until", "end");
    const again = linesOf(stdout);
    // Nothing is skipped: what comes next is at most what was taken, again.
    expect(again.at(-1)).toBe("v49999");
    expect(Number(again[0].slice(1))).toBeLessThanOrEqual(linesOf(taken).length);
  });

  it("is refused while the directory has an owner", async () => {
    const folder = await folderWith(numbers(0, 3));
    const owner = await open(folder.dir);
    const result = await folder.run("consume", "t", "--group", "g", "--until", "end");
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining(`${process.pid}`) });
    expect(result.stderr).toContain("VARVE_LOCKED");
    await owner.close();
  });
});

it.each([
  [1, "VARVE_UNKNOWN_TOPIC", ["nowhere", "--until", "end"]],
  [1, "VARVE_UNKNOWN_PARTITION", ["t", "--partition", "5", "--until", "end"]],
  [1, "VARVE_OFFSET_OUT_OF_RANGE", ["t", "--partition", "0", "--offset", "4", "--until", "end"]],
  [2, "needs --partition", ["t", "--offset", "1"]],
  [2, "--partition and --group", ["t", "--partition", "0", "--group", "g"]],
  [2, "--offset and --from-beginning", ["t", "--partition", "0", "--offset", "1", "--from-beginning"]],
  [2, "Allowed choices are end", ["t", "--until", "tomorrow"]],
  [2, "whole number from 1", ["t", "--max", "0"]],
])("fails with %i and says %s", async (code, message, args) => {
  const folder = await folderWith(numbers(0, 3));
  expect(await folder.run("consume", ...args)).toMatchObject({
    code,
    stdout: "",
    stderr: expect.stringContaining(message),
  });
});
