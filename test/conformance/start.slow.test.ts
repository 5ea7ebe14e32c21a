/**
 * How long it takes from the start of a broker until a client that is running already has its first record acknowledged, and what
 * the broker costs when nobody asks for anything. Times are printed, not judged: they depend on what else the machine does.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { startBroker } from "../../src/testing/index.ts";
import { freePort } from "../free-port.ts";
import { produceFirst } from "../wire/first-record.ts";

const COMMAND = join(import.meta.dirname, "../../dist/cli/main.js");
const ROUNDS = 11;
const IDLE_MS = 3000;
const MAX_IDLE_MIB = 100;

function report(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b).map((ms) => ms.toFixed(0));
  console.log(`${what}: median ${sorted[sorted.length >> 1]} ms, from ${sorted[0]} to ${sorted.at(-1)}`);
}

function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

it("an empty program, to compare", () => {
  const times = Array.from({ length: ROUNDS }, () => {
    const began = performance.now();
    spawnSync(process.execPath, ["-e", "0"]);
    return performance.now() - began;
  });
  report("node -e 0", times);
});

it.each(["folder", "memory"])("varve serve on a %s", async (where) => {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const folder = mkdtempSync(join(tmpdir(), "varve-start-"));
    const port = await freePort();
    const args = ["--dir", where === "folder" ? folder : ":memory:", "serve", "--listen", `127.0.0.1:${port}`];
    const began = performance.now();
    const child = spawn(process.execPath, [COMMAND, ...args], { stdio: "ignore" });
    const client = await produceFirst(port);
    times.push(performance.now() - began);
    if (round === 0) {
      await pause(IDLE_MS);
      const mib = residentMib(child.pid!);
      console.log(`varve serve on a ${where}: ${mib.toFixed(0)} MiB resident when idle`);
      expect(mib).toBeLessThan(MAX_IDLE_MIB);
    }
    client.close();
    child.kill();
    await once(child, "exit");
    rmSync(folder, { recursive: true });
  }
  report(`varve serve on a ${where}: start to first produce`, times);
});

it("startBroker", async () => {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const port = await freePort();
    const began = performance.now();
    const broker = await startBroker({ port });
    const client = await produceFirst(port);
    times.push(performance.now() - began);
    client.close();
    await broker.close();
  }
  report("startBroker: start to first produce", times);
});
