/**
 * The table of clients in docs/clients.md, between two markers: each client's test holds the client's row against what it
 * has just seen, or writes it when VARVE_WRITE_DOCS is 1.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "./suite.ts";

const PAGE = join(import.meta.dirname, "../../docs/clients.md");
const BEGIN = "<!-- clients: written by test/clients -->";
const END = "<!-- /clients -->";

const COLUMNS: Record<string, (client: Client, done: ReadonlySet<string>) => string> = {
  client: ({ name }) => name,
  "produces with": (_, done) => ["none", "gzip", "snappy", "lz4", "zstd"].filter((codec) => done.has(codec)).join(", "),
  idempotent: (_, done) => mark(done.has("idempotent")),
  transactions: ({ cannotTakeOver, forgetsAborted }, done) => {
    const isDone = ["transactions", "fenced", "offsets in transactions"].every((feature) => done.has(feature));
    const missing = [...(cannotTakeOver ? ["take over"] : []), ...(forgetsAborted ? ["read committed"] : [])];
    return isDone && missing.length > 0 ? `yes, but ${missing.join(", ")}` : mark(isDone);
  },
  consumes: (_, done) => mark(done.has("consume")),
  groups: (_, done) => mark(done.has("group") && done.has("takeover")),
  topics: (client, done) =>
    part(client, done.has("topics"), { listTopics: "list", describeTopic: "describe", addPartitions: "partitions" }),
  configuration: (client, done) => part(client, done.has("configs"), { alterConfigs: "alter" }),
  "group admin": (client, done) =>
    part(client, done.has("groups"), { describeGroup: "describe", deleteGroup: "delete" }),
};

/** Throws when the page says something else. */
export function checkRow(client: Client, done: readonly string[]): void {
  const seen = new Set(done);
  const row = `| ${Object.values(COLUMNS)
    .map((cell) => cell(client, seen))
    .join(" | ")} |`;
  const rows = readRows();
  if (process.env.VARVE_WRITE_DOCS === "1") {
    writeRows([...rows.filter((one) => !isOf(one, client)), row]);
  } else if (!rows.includes(row)) {
    throw new Error(`docs/clients.md does not have the row\n${row}\nRun the test with VARVE_WRITE_DOCS=1 to write it.`);
  }
}

function mark(isDone: boolean): string {
  return isDone ? "yes" : "–";
}

function part(client: Client, isDone: boolean, commands: Record<string, string>): string {
  if (!isDone) return "–";
  const missing = Object.entries(commands).filter(([command]) => client.lacks?.some((one) => one === command));
  return missing.length === 0 ? "yes" : `yes, but ${missing.map(([, name]) => name).join(", ")}`;
}

function isOf(row: string, { name }: Client): boolean {
  return row.startsWith(`| ${name.replace(/ [^ ]*$/, "")} `);
}

function readRows(): string[] {
  if (!existsSync(PAGE)) return [];
  const page = readFileSync(PAGE, "utf8");
  const lines = page
    .slice(page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END))
    .trim()
    .split("\n");
  return lines.slice(2).filter((line) => line.startsWith("|"));
}

function writeRows(rows: readonly string[]): void {
  const page = readFileSync(PAGE, "utf8");
  const names = Object.keys(COLUMNS);
  const sorted = rows.toSorted((a, b) => a.toLowerCase().localeCompare(b.toLowerCase()));
  const table = [`| ${names.join(" | ")} |`, `|${"---|".repeat(names.length)}`, ...sorted].join("\n");
  writeFileSync(PAGE, `${page.slice(0, page.indexOf(BEGIN))}${BEGIN}\n${table}\n${page.slice(page.indexOf(END))}`);
}
