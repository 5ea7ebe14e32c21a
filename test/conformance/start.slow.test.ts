/**
 * How long it takes from the start of a broker until a client that is running already has its first record acknowledged, and what
 * the broker costs when nobody asks for anything. Times are printed, not judged: they depend on what else the machine does.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { startBroker } from "../../src/testing/index.ts";
import { Produce } from "../../src/wire/messages/00-produce.ts";
import { Metadata } from "../../src/wire/messages/03-metadata.ts";
import { batchOf, WireClient } from "../wire/wire-client.ts";

const COMMAND = join(import.meta.dirname, "../../dist/cli/main.js");
const ROUNDS = 11;
const IDLE_MS = 3000;
const MAX_IDLE_MIB = 100;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Knocks until somebody opens. */
async function connect(port: number): Promise<WireClient> {
  for (;;) {
    try {
      return await WireClient.connect(port);
    } catch {
      await pause(1);
    }
  }
}

/** To a topic that comes into being by it. */
async function produceFirst(port: number): Promise<WireClient> {
  const client = await connect(port);
  await client.call(Metadata, 9, { topics: [{ name: "t" }], allowAutoTopicCreation: true });
  const topicData = [{ name: "t", partitionData: [{ index: 0, records: batchOf(["hello"]) }] }];
  const answer = await client.call(Produce, 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData });
  expect(answer.responses[0].partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0 });
  return client;
}

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
