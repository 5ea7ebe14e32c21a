/**
 * `npm run bench:table`: writes the table of README.md from the latest file in bench/results/, between two marks.
 * Nobody types a figure there; a test holds the page against the file. What was timed by the wall while processor time
 * was counted for the rest, on a busy machine, is in the file and not in the table.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ON_THE_WALL } from "./clock.ts";
import { root } from "./places.ts";
import { figure, quantity } from "./report.ts";
import type { Results } from "./results.ts";
import { latestResults } from "./results-file.ts";

const BEGIN = "<!-- figures: made by npm run bench:table -->\n";
const END = "<!-- end of figures -->\n";

/** What a row tells, whose figure that is, and who is compared with it, by the names that the results have. */
const rows: [what: string, question: string, of: string, over: Record<string, string>][] = [
  [
    "append, `sendBatch` of 1000",
    "append",
    "varve",
    {
      lmdb: "lmdb",
      "better-sqlite3 OFF": "better-sqlite3",
      "classic-level": "classic-level",
      hypercore: "hypercore",
      chronicle: "Chronicle Queue",
      kafka: "Kafka's own producer",
    },
  ],
  ["append, `push` one by one", "single", "varve push", { "lmdb put": "lmdb" }],
  [
    "append, `await send`, 1000 in flight",
    "single",
    "varve send",
    { hypercore: "hypercore", kafkajs: "kafkajs to Kafka" },
  ],
  [
    "append, `appendSync`, a batch each",
    "single",
    "varve appendSync",
    { "better-sqlite3 OFF": "better-sqlite3", chronicle: "Chronicle Queue" },
  ],
  [
    "append at `power`, groups of 1000",
    "power",
    "varve",
    { lmdb: "lmdb", "better-sqlite3 FULL": "better-sqlite3", "classic-level": "classic-level" },
  ],
  [
    "scan, `for await`, keys and values",
    "scan",
    "varve",
    {
      lmdb: "lmdb",
      "better-sqlite3": "better-sqlite3",
      "classic-level": "classic-level",
      hypercore: "hypercore",
      chronicle: "Chronicle Queue",
      kafka: "Kafka's own consumer",
    },
  ],
  [
    "one record by its offset",
    "random",
    "varve",
    { lmdb: "lmdb", "better-sqlite3": "better-sqlite3", "classic-level": "classic-level", hypercore: "hypercore" },
  ],
  ["`varve serve`, ProducerPerformance, 100 B", "wire", "varve produce 100 B", { "kafka produce 100 B": "Kafka" }],
  ["`varve serve`, ConsumerPerformance, 100 B", "wire", "varve consume 100 B", { "kafka consume 100 B": "Kafka" }],
];

export function writeTable(): void {
  const file = latestResults();
  const page = join(root, "README.md");
  writeFileSync(page, withTable(readFileSync(page, "utf8"), JSON.parse(readFileSync(file, "utf8"))));
  console.log(`${page} has the figures of ${file}`);
}

/** The page with the table in the place of the one that it had. */
export function withTable(page: string, results: Results): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md has no place for the figures: ${BEGIN}`);
  return page.slice(0, begin + BEGIN.length) + tableOf(results) + page.slice(end);
}

export function tableOf({ machine, versions, results, ratios }: Results): string {
  const lines = rows.flatMap(([what, question, of, over]) => {
    const own = results.find((result) => result.question === question && result.subject === of);
    const compared = Object.entries(over).flatMap(([name, shown]) => {
      const found = ratios.find((one) => one.question === question && one.of === of && one.over === name);
      return found ? [`${shown} ${figure(found.ratio)}`] : [];
    });
    return own && !own.mode.endsWith(ON_THE_WALL)
      ? [`| ${what} | ${quantity(own.value, own.unit)} | ${compared.join(", ")} |`]
      : [];
  });
  const { date, cpu, cores, memoryGiB, platform, rounds, loadAverage, clock } = machine;
  const spent =
    clock === "cpu"
      ? "processor time, on a machine that was busy with other things"
      : `load average ${figure(loadAverage[0])}`;
  return `
| | varve | so many times as fast as |
|---|---|---|
${lines.join("\n")}

${date.slice(0, 10)}, ${cpu} × ${cores}, ${memoryGiB} GiB, ${platform}, Node ${versions.node}, ${spent}; medians of ${rounds} interleaved rounds; 16-byte keys, 100-byte values.

`;
}
