/** `varve tour`: holds where the log holds, and fails where it does not. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../src/cli/program.ts";

const main = resolve(import.meta.dirname, "../../dist/cli/main.js");
const original = process.env.TMPDIR;
/** The tour makes its folder in here, so that what it leaves can be seen. */
let temporary: string;

beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), "varve-tour-test-"));
  process.env.TMPDIR = temporary;
});

afterAll(() => {
  if (original === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = original;
  rmSync(temporary, { recursive: true, force: true });
});

const RECORDS = 20_000;

it("goes through, checks everything, and leaves nothing behind", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, "tour", "--records", String(RECORDS)], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, expect.stringContaining("none is missing")]);
  expect(stderr.match(/✓/g)).toHaveLength(16);
  expect(stderr).not.toContain("✗");
  for (const row of ["engine", "written", "read", "one send, power", "on disk", "recovery", "checks"])
    expect(stdout).toMatch(new RegExp(`^${row} `, "m"));
  expect(readdirSync(temporary)).toEqual([]);
});

it("has its results as JSON, and keeps its folder when asked to", () => {
  const args = [main, "tour", "--json", "--keep", "--records", String(RECORDS)];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    engine: expect.stringMatching(/^(native|ts)$/),
    records: RECORDS,
    checks: 16,
    failures: 0,
  });
  const [kept] = readdirSync(temporary);
  expect(readdirSync(join(temporary, kept, "data"))).toContain("orders-0");
  rmSync(join(temporary, kept), { recursive: true });
});

it("fails when the writer had acknowledged what is not there", async () => {
  // Acknowledges everything, and stores nothing.
  const liar = join(temporary, "liar.mjs");
  writeFileSync(
    liar,
    `let offset = 0;
    process.stdin.on("data", (text) => {
      for (const _ of String(text).matchAll(/\\n/g)) {
        console.log(JSON.stringify({ topic: "crash", partition: 0, offset: offset++, timestamp: 0 }));
      }
    });`,
  );
  const { code, stdout, stderr } = await tour([process.execPath, liar]);
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^checks +\d of 16 FAILED$/m)]);
  expect(stderr).toMatch(/✗ [\d,]+ acknowledged records: none is missing: [\d,]+ records missing/);
});

it("fails when the writer cannot be started", async () => {
  const { code, stderr } = await tour([process.execPath, join(temporary, "nowhere.mjs")]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("the child process ended by itself")]);
  expect(readdirSync(temporary)).not.toContain(expect.stringMatching(/^varve-tour-/));
});

async function tour(self: readonly string[]) {
  const texts = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") => ({
    write(chunk: Uint8Array | string, done?: () => void) {
      texts[name] += Buffer.from(chunk as Uint8Array).toString("utf8");
      queueMicrotask(() => done?.());
      return true;
    },
    on() {},
  });
  const stdin = (async function* () {})();
  const streams = { stdin, stdout: sink("stdout"), stderr: sink("stderr") };
  const { signal } = new AbortController();
  const code = await run(["tour", "--records", "5000"], { ...streams, signal, self, version: "0.0.0-test" });
  return { code, ...texts };
}
