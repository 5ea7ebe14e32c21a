/**
 * A disk that fails a living process: syncs that fail or take long, no room, no larger file, no descriptor, no writing at all.
 * The process survives; what cannot be done is refused with a code; reads go on; what was acknowledged is there afterwards; and
 * where there is room again the log goes on.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { isFull, randomFor, seed } from "../sampling.ts";
import type { Said } from "./programs/content.ts";
import { makeFolder, type Run, run } from "./running.ts";
import { countCalls, injecting, NO_ROOM } from "./strace.ts";
import { verify } from "./verifying.ts";

let folder: ReturnType<typeof makeFolder>;
let data: string;
beforeEach(() => {
  folder = makeFolder();
  data = join(folder.path, "data");
});
afterEach(() => folder.remove());

/** How it ended, which must be of its own accord; then all that it was promised is looked for. */
async function outcome(program: Run): Promise<Outcome> {
  const { code, signal, stderr } = await program.ended;
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  const said = program.said();
  await verify(data, said, { isDisorderly: true });
  return outcomeOf(said);
}

interface Outcome {
  errors: Extract<Said, { type: "error" }>[];
  reads: Extract<Said, { type: "read" }>[];
  said: Said[];
}

function outcomeOf(said: Said[]): Outcome {
  return {
    said,
    errors: said.filter((one) => one.type === "error"),
    reads: said.filter((one) => one.type === "read"),
  };
}

function expectReadsRight({ reads }: Outcome): void {
  expect(reads.length).toBeGreaterThan(0);
  expect(reads.filter(({ wrong }) => wrong > 0)).toEqual([]);
}

const codesOf = ({ errors }: Outcome) => new Set(errors.map(({ code }) => code));
const acks = ({ said }: Outcome, topic: string) => said.filter((one) => one.type === "acked" && one.topic === topic);

describe("a sync that fails", () => {
  const APPENDS = 12;
  const SAMPLE = 8;

  it.each([
    ["once", ""],
    ["from then on", "+"],
  ])("%s, poisons its partition: nothing more is acknowledged there, and nothing is lost", async (_, every) => {
    const all = (await countCalls("appender", { appends: APPENDS })).get("fdatasync")!;
    const random = randomFor(`sync${every}`);
    // One of each stretch: those at the open and at the close poison nothing.
    const drawn = (_: unknown, i: number) => all[Math.floor(((i + random()) / SAMPLE) * all.length)];
    const wanted = isFull ? all : Array.from({ length: SAMPLE }, drawn);
    let poisonings = 0;
    for (const n of wanted) {
      data = join(folder.path, `data-${n}`);
      rmSync(data, { recursive: true, force: true });
      const under = injecting(`fdatasync:error=EIO:when=${n}${every}`);
      const program = run("appender", data, { under, args: { appends: APPENDS } });
      const { code, stderr } = await program.ended;
      const said = program.said();
      const place = `fdatasync ${n}${every}, seed ${seed}`;
      // At the open itself it is the open that fails, with its code.
      const isOpened = said.some(({ type }) => type === "opened");
      if (!isOpened) expect(stderr, place).toContain("VARVE_IO");
      else expect({ code, stderr }, place).toEqual({ code: 0, stderr: "" });
      poisonings += Number(checkPoisoning(outcomeOf(said), place));
      await verify(data, said, { isDisorderly: true });
    }
    expect(poisonings).toBeGreaterThan(0);
  });

  /** Whether a partition was poisoned. */
  function checkPoisoning(ended: Outcome, place: string): boolean {
    expect(
      [...codesOf(ended)].filter((code) => code !== "VARVE_POISONED" && code !== "VARVE_IO"),
      place,
    ).toEqual([]);
    expect(
      ended.reads.filter(({ wrong }) => wrong > 0),
      place,
    ).toEqual([]);
    const refused = ended.errors.filter(({ during, code }) => during === "send" && code === "VARVE_POISONED");
    for (const { topic } of refused) {
      const first = ended.said.findIndex((one) => one.type === "error" && one.topic === topic && one.during === "send");
      const later = ended.said.slice(first).filter((one) => one.type === "acked" && one.topic === topic);
      expect(later, place).toEqual([]);
    }
    return refused.length > 0;
  }
});

describe("a slow disk", () => {
  it("holds back what waits for it, and nothing else", async () => {
    const delayMs = 300;
    const under = injecting(`fdatasync:delay_enter=${delayMs * 1000}`);
    const ended = await outcome(run("appender", data, { under, args: { appends: 8, segmentBytes: 1024 } }));
    expectReadsRight(ended);
    expect(ended.errors).toEqual([]);
    const slowest = ended.said.find((one) => one.type === "slowest")!;
    const blocked = ended.said.find((one) => one.type === "blocked")!;
    console.log(
      `event loop blocked for ${blocked.ms.toFixed(1)} ms, acknowledged after ${slowest.fastest.toFixed(0)} ms`,
    );
    // No acknowledgement before the sync, and no turn of the event loop that waits for one.
    expect(slowest.fastest).toBeGreaterThanOrEqual(delayMs);
    expect(blocked.ms).toBeLessThan(delayMs);
  });
});

describe("no room", () => {
  const mounts: string[] = [];
  afterEach(() => {
    for (const mount of mounts.splice(0)) execFileSync("umount", [mount]);
  });

  function mountSmall(megabytes: number): boolean {
    const small = join(folder.path, "small");
    mkdirSync(small);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", small], { stdio: "pipe" });
    } catch (error) {
      console.warn(`!!! NOT TESTED: a small disk cannot be mounted here: ${(error as Error).message}`);
      return false;
    }
    mounts.push(small);
    data = join(small, "data");
    return true;
  }

  it("on the disk: appends are refused, reads go on, and so does the log when there is room", async (test) => {
    if (!mountSmall(4)) return test.skip();
    const ballast = join(folder.path, "small", "ballast");
    writeFileSync(ballast, Buffer.alloc(2 ** 20));
    const program = run("appender", data, { args: { appends: 100_000, resumes: true } });
    await program.until("waiting");
    const full = outcomeOf(program.said());
    expect([...codesOf(full)]).toEqual(["VARVE_NO_SPACE"]);
    expectReadsRight(full);
    const before = acks(full, "process").length;
    expect(before).toBeGreaterThan(100);

    rmSync(ballast);
    program.process.stdin!.end("\n");
    const ended = await outcome(program);
    expectReadsRight(ended);
    expect(acks(ended, "process").length).toBe(before + 1);
    expect(ended.errors.filter(({ during }) => during === "send again")).toEqual([]);
  });

  it("when every write fails from some point on: the same", async () => {
    const under = injecting(NO_ROOM, "pwrite64:error=ENOSPC:when=60+");
    const ended = await outcome(run("appender", data, { under, args: { appends: 40 } }));
    expect([...codesOf(ended)]).toEqual(["VARVE_NO_SPACE"]);
    expectReadsRight(ended);
  });

  it("in the file (ulimit -f): appends are refused, and nothing is lost", async () => {
    const under = ["bash", "-c", 'ulimit -f 64; exec "$0" "$@"'];
    const ended = await outcome(run("appender", data, { under, args: { appends: 2000, segmentBytes: 2 ** 20 } }));
    expect([...codesOf(ended)]).toEqual(["VARVE_FILE_TOO_LARGE"]);
    expectReadsRight(ended);
    expect(acks(ended, "process").length).toBeGreaterThan(50);
  });

  it("for more descriptors (64 in all): 200 partitions are written and read all the same", async () => {
    const under = ["prlimit", "--nofile=64"];
    const ended = await outcome(run("appender", data, { under, args: { appends: 2, partitions: 100 } }));
    expect(ended.errors).toEqual([]);
    expectReadsRight(ended);
  });

  it("for writing at all: a read-only disk is refused for what it is, and read", async (test) => {
    if (!mountSmall(8)) return test.skip();
    const first = await outcome(run("appender", data, { args: { appends: 20 } }));
    execFileSync("mount", ["-o", "remount,ro", join(folder.path, "small")]);
    await expect(Engine.open(data)).rejects.toMatchObject({ code: "VARVE_ACCESS" });
    await verify(data, first.said, { readOnly: true });
    execFileSync("mount", ["-o", "remount,rw", join(folder.path, "small")]);
    await verify(data, first.said);
  });

  it("for writing, from some point on: what is open is read on", async () => {
    const under = injecting(NO_ROOM, "pwrite64:error=EROFS:when=60+");
    const ended = await outcome(run("appender", data, { under, args: { appends: 40 } }));
    expect([...codesOf(ended)]).toEqual(["VARVE_ACCESS"]);
    expectReadsRight(ended);
  });
});
