/** What `varve serve` asks of V8's collector, by the size of the heap. */
import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { letSmallHeapGrow } from "../../src/cli/heap-growth.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const MIB = 1024 * 1024;

it("lets a small heap grow, leaves a large one to V8, and leaves nothing behind", () => {
  const flags: string[] = [];
  let heap = 8 * MIB;
  const end = letSmallHeapGrow(
    () => heap,
    (flag) => void flags.push(flag),
  );
  expect(flags).toEqual(["--heap-growing-percent=700"]);
  vi.advanceTimersByTime(20_000);
  heap = 40 * MIB;
  vi.advanceTimersByTime(10_000);
  heap = 20 * MIB;
  vi.advanceTimersByTime(10_000);
  end();
  expect(flags.slice(1)).toEqual([
    "--heap-growing-percent=0",
    "--heap-growing-percent=700",
    "--heap-growing-percent=0",
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

it("asks for what V8 knows: else it would say so on stderr", () => {
  const saidTo = (flag: string) => {
    const script = `require("node:v8").setFlagsFromString(${JSON.stringify(flag)})`;
    return spawnSync(process.execPath, ["-e", script], { encoding: "utf8" }).stderr;
  };
  letSmallHeapGrow(
    () => 0,
    (flag) => expect(saidTo(flag)).toBe(""),
  )();
  expect(saidTo("--no-such-flag=1")).toMatch(/unrecognized flag/);
});
