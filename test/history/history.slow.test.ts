/**
 * Clients by the dozen on one log, in one process that is killed again and again; then the checker reads what they wrote down.
 * The clients draw what they do from the seed; when they are killed, and who comes first, is the machine's.
 *
 *   VARVE_SEED=123 npm run test:conformance -- test/history
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { type Child, startChild } from "../child.ts";
import { isFull, randomFor, seed } from "../sampling.ts";
import { check } from "./checker.ts";
import { GROUP, type Life, live } from "./clients.ts";
import type { Event } from "./history.ts";

const LIVES = isFull ? 60 : 8;
const LIFE_MS = 1500;

const folder = mkdtempSync(join(tmpdir(), "varve-history-"));
const children: Child[] = [];
afterAll(async () => {
  await Promise.all(children.map((child) => child.kill()));
  rmSync(folder, { recursive: true, force: true });
});

it(`holds through ${LIVES} lives`, async () => {
  const random = randomFor("history");
  const file = join(folder, "history");
  writeFileSync(file, "");
  for (let number = 1; number <= LIVES; number++) {
    const life: Life = { data: join(folder, "data"), file, before: read(file), number, seed };
    const child = startChild(PROGRAM, [JSON.stringify({ ...life, before: [] }), file]);
    children.push(child);
    expect(await child.next()).toBe("begun");
    await new Promise((resolve) => setTimeout(resolve, LIFE_MS * random()));
    if (number < LIVES) await child.kill();
    else {
      await new Promise((resolve) => setTimeout(resolve, LIFE_MS));
      child.send({ stop: true });
      expect(await child.next()).toBe("over");
    }
  }
  const history = read(file);
  const counts = new Map<string, number>();
  for (const { type } of history) counts.set(type, (counts.get(type) ?? 0) + 1);
  console.log(`seed ${seed}: ${JSON.stringify(Object.fromEntries(counts))}`);
  expect(check(history, [GROUP]).slice(0, 20)).toEqual([]);
  for (const type of ["acked", "ended", "polled", "committed"]) expect(counts.get(type)).toBeGreaterThan(LIVES * 10);
});

it("a reader of what is not committed is found out", async () => {
  const file = join(folder, "uncommitted");
  writeFileSync(file, "");
  const life: Life = {
    data: join(folder, "uncommitted-data"),
    file,
    before: [],
    number: 1,
    seed,
    isolation: "read_uncommitted",
  };
  await live(life, new Promise((resolve) => setTimeout(resolve, LIFE_MS)));
  const kinds = new Set(check(read(file), [GROUP]).map(({ kind }) => kind));
  expect(kinds).toContain("aborted read");
  expect(kinds).toContain("pre-committed read");
  expect([...kinds].filter((kind) => !/read$|^lost write$/.test(kind))).toEqual([]);
});

/** The last line may have been cut short by a kill. */
function read(file: string): Event[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line, index, lines) => (index === lines.length - 1 || line === "" ? [] : [JSON.parse(line)]));
}

const PROGRAM = `
  import { readFileSync } from "node:fs";
  import { live } from ${JSON.stringify(new URL("./clients.ts", import.meta.url).href)};
  const [life, file] = process.argv.slice(2);
  const before = readFileSync(file, "utf8").split("\\n").filter((line) => line.endsWith("}")).map((line) => JSON.parse(line));
  const stop = new Promise((resolve) => process.once("message", resolve));
  process.send("begun");
  live({ ...JSON.parse(life), before }, stop).then(
    () => process.send("over", () => process.disconnect()),
    (error) => { console.error(error); process.exit(1); },
  );
`;
