/**
 * Clients by the dozen on one log: in one process that is killed again and again, and, over the wire, of a server that is killed
 * again and again; then the checker reads what they wrote down. The clients draw what they do from the seed; when it is killed,
 * and who comes first, is the machine's.
 *
 *   VARVE_SEED=123 npm run test:conformance -- test/history
 */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { type Child, source, startChild } from "../child.ts";
import { freePort } from "../free-port.ts";
import { isFull, randomFor, seed } from "../sampling.ts";
import { check } from "./checker.ts";
import { Clients, GROUP, type Life } from "./clients.ts";
import { live } from "./embedded.ts";
import type { Event } from "./history.ts";
import { Wire } from "./wire.ts";

const LIVES = isFull ? 60 : 12;
const LIFE_MS = 1500;
/** A group is back a few seconds after its server. */
const SERVERS = isFull ? 30 : 6;
const SERVER_MS = 6000;
const LOOK_MS = 250;

const folder = mkdtempSync(join(tmpdir(), "varve-history-"));
const children: Child[] = [];
afterAll(async () => {
  await Promise.all(children.map((child) => child.kill()));
  rmSync(folder, { recursive: true, force: true });
});

it(`holds through ${LIVES} lives`, async () => {
  const random = randomFor("history");
  const file = begin("history");
  for (let number = 1; number <= LIVES; number++) {
    const life: Life = { file, before: [], number, seed };
    const child = startChild(PROGRAM, [join(folder, "data"), JSON.stringify(life)]);
    children.push(child);
    expect(await child.next()).toBe("begun");
    await pause(LIFE_MS * random());
    if (number < LIVES) await child.kill();
    else {
      await pause(LIFE_MS);
      await enough(file, LIVES * 10, () => child.process.connected);
      child.send({ stop: true });
      expect(await child.next()).toBe("over");
    }
  }
  expectGood(read(file), LIVES * 10);
});

it(`holds through ${SERVERS} servers`, async () => {
  const random = randomFor("wire history");
  const file = begin("wire");
  const data = join(folder, "wire-data");
  const port = await freePort();
  let server = await serve(data, port);
  const life: Life = { file, before: [], number: 1, seed };
  let stop = () => {};
  const clients = new Clients(life, new Wire(`127.0.0.1:${port}`, data));
  let isRunning = true;
  const over = clients.run(new Promise((resolve) => (stop = resolve))).finally(() => {
    isRunning = false;
  });
  const killing = (async () => {
    for (let number = 1; number < SERVERS; number++) {
      await pause(SERVER_MS * random());
      await server.kill();
      server = await serve(data, port);
    }
    await pause(SERVER_MS);
    await enough(file, SERVERS, () => isRunning);
    stop();
  })();
  await Promise.all([over, killing]);
  await server.kill();
  expectGood(read(file), SERVERS);
});

it("a reader of what is not committed is found out", async () => {
  const file = begin("uncommitted");
  const life: Life = { file, before: [], number: 1, seed, isolation: "read_uncommitted" };
  await live(join(folder, "uncommitted-data"), life, pause(LIFE_MS));
  expectUncommittedReads(read(file));
});

it("a reader of what is not committed is found out, over the wire", async () => {
  const file = begin("wire-uncommitted");
  const data = join(folder, "wire-uncommitted-data");
  const port = await freePort();
  await serve(data, port);
  const life: Life = { file, before: [], number: 1, seed, isolation: "read_uncommitted" };
  await new Clients(life, new Wire(`127.0.0.1:${port}`, data)).run(pause(2 * LIFE_MS));
  expectUncommittedReads(read(file));
});

function expectGood(history: Event[], least: number): void {
  console.log(`seed ${seed}: ${JSON.stringify(Object.fromEntries(countsOf(history)))}`);
  expect(check(history, [GROUP]).slice(0, 20)).toEqual([]);
  expect(isEnough(history, least)).toBe(true);
}

/** On a machine that is busy with other things the last life is a longer one. */
async function enough(file: string, least: number, isGoingOn: () => boolean): Promise<void> {
  while (isGoingOn() && !isEnough(read(file), least)) await pause(LOOK_MS);
}

/** So that the checker has something to check. */
function isEnough(history: Event[], least: number): boolean {
  const counts = countsOf(history);
  return ["acked", "ended", "polled", "committed"].every((type) => (counts.get(type) ?? 0) > least);
}

function countsOf(history: Event[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { type } of history) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

function expectUncommittedReads(history: Event[]): void {
  const kinds = new Set(check(history, [GROUP]).map(({ kind }) => kind));
  expect(kinds).toContain("aborted read");
  expect(kinds).toContain("pre-committed read");
  expect([...kinds].filter((kind) => !/read$|^lost write$/.test(kind))).toEqual([]);
}

function begin(name: string): string {
  const file = join(folder, name);
  writeFileSync(file, "");
  return file;
}

/** The last line may have been cut short by a kill. */
function read(file: string): Event[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line, index, lines) => (index === lines.length - 1 || line === "" ? [] : [JSON.parse(line)]));
}

/** `varve serve` in a process of its own. Resolves when it can be reached. */
async function serve(data: string, port: number): Promise<Child> {
  const args = ["--dir", data, "--json", "serve", "--listen", `127.0.0.1:${port}`];
  const child = startChild(`import ${JSON.stringify(source("cli/main.ts"))};`, args);
  children.push(child);
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      socket.destroy();
      return child;
    } catch {
      await pause(5);
    }
  }
}

const PROGRAM = `
  import { readFileSync } from "node:fs";
  import { live } from ${JSON.stringify(new URL("./embedded.ts", import.meta.url).href)};
  const [data, given] = process.argv.slice(2);
  const life = JSON.parse(given);
  const lines = readFileSync(life.file, "utf8").split("\\n");
  const before = lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line));
  const stop = new Promise((resolve) => process.once("message", resolve));
  process.send("begun");
  live(data, { ...life, before }, stop).then(
    () => process.send("over", () => process.disconnect()),
    (error) => { console.error(error); process.exit(1); },
  );
`;
