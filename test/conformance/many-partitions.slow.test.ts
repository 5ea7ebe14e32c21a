/**
 * Ten thousand partitions in a process that may open 256 files. On a quiet machine all of it takes less than a minute, and the
 * open less than two seconds; since other machines are not quiet, it is the processor's time that is held against that.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Said } from "./programs/content.ts";
import { makeFolder, run } from "./running.ts";

const PARTITIONS = 10_000;
const OPEN_CPU_MS = 2000;
const ALL_CPU_MS = 60_000;
const IDLE_BYTES = 1024;
/** A log that has been read from stays open: its segments, the names of its files, its producers. */
const OPEN_BYTES = 4096;
const UNDER = ["bash", "-c", 'ulimit -n 256; exec "$0" --expose-gc "$@"'];

let folder: ReturnType<typeof makeFolder>;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => folder.remove());

it(`${PARTITIONS} partitions are made, written, closed in order, opened and read back, with 256 descriptors`, async () => {
  const data = join(folder.path, "data");
  const first = await live(data, "write");
  expect(existsSync(join(data, ".kafka_cleanshutdown"))).toBe(true);
  const second = await live(data, "read");

  expect(second.find(({ type }) => type === "read")).toMatchObject({ end: PARTITIONS, wrong: 0 });
  const idle = second.find((one) => one.type === "idle")!;
  const took = [...first, ...second].filter((one) => one.type === "took");
  const table = took.map(({ what, ms, cpuMs }) => `${what} ${Math.round(ms)} ms (${Math.round(cpuMs)} of a processor)`);
  console.log(
    `${table.join(", ")}; ${Math.round(idle.bytes)} bytes an idle partition, ${Math.round(idle.bytesAfterRead)} once read`,
  );
  expect(idle.bytes).toBeLessThan(IDLE_BYTES);
  expect(idle.bytesAfterRead).toBeLessThan(OPEN_BYTES);
  expect(took.find(({ what }) => what === "open")!.cpuMs).toBeLessThan(OPEN_CPU_MS);
  expect(took.reduce((sum, { cpuMs }) => sum + cpuMs, 0)).toBeLessThan(ALL_CPU_MS);
});

async function live(data: string, life: "write" | "read"): Promise<Said[]> {
  const program = run("wide", data, { under: UNDER, args: { life, partitions: PARTITIONS } });
  const { code, signal, stderr } = await program.ended;
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  return program.said();
}
