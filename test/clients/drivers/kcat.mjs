/**
 * kcat, driven by lines (driver.ts): one kcat for each thing to do, also for each record to send, since key, headers and
 * partition are arguments. It prints what it reads with the lengths in front.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { address, base64, bytes, say, serve } from "./lines.mjs";

const FORMAT = "%p %o %T %K %S\\n%h\\n%k%s\\n";
const KEY_END = "\t";
let member;

function kcat(args, input = "") {
  const child = spawn("kcat", ["-b", address, ...args]);
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  let complaints = "";
  child.stderr.on("data", (text) => {
    complaints += text;
  });
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0 || signal === "SIGTERM") resolve(complaints);
      else reject(new Error(`kcat ${args.join(" ")} ended with ${signal ?? code}: ${complaints}`));
    });
  });
  return { child, ended };
}

async function outputOf(args, input) {
  const { child, ended } = kcat(args, input);
  const chunks = [];
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  await ended;
  return Buffer.concat(chunks);
}

async function produce({ topic, codec, idempotent, records }) {
  const folder = mkdtempSync(join(tmpdir(), "varve-kcat-"));
  const always = ["-P", "-t", topic, "-z", codec, "-X", `enable.idempotence=${idempotent}`];
  try {
    for (const record of records) await produceOne(always, record, join(folder, "value"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function produceOne(always, { partition, key, value, headers }, file) {
  const args = [...always, "-p", String(partition)];
  for (const [name, text] of headers) args.push("-H", text === null ? name : `${name}=${bytes(text)}`);
  if (value) {
    writeFileSync(file, bytes(value));
    if (key !== null) args.push("-k", bytes(key).toString());
    await outputOf([...args, file]);
    return;
  }
  // It leaves out empty files, but not empty lines behind a key.
  if (value === null) args.push("-Z");
  await outputOf([...args, "-K", KEY_END], `${bytes(key)}${KEY_END}\n`);
}

async function consume({ topic, partitions }) {
  const records = [];
  for (let partition = 0; partition < partitions; partition++) {
    const args = ["-C", "-t", topic, "-p", String(partition), "-o", "beginning", "-e", "-q", "-f", FORMAT];
    records.push(...parse(await outputOf(args)).records);
  }
  return records;
}

/** What is whole, and how many bytes that was. */
function parse(output) {
  const records = [];
  let at = 0;
  for (;;) {
    const numbersEnd = output.indexOf(10, at);
    const headersEnd = output.indexOf(10, numbersEnd + 1);
    if (numbersEnd < 0 || headersEnd < 0) return { records, at };
    const [partition, offset, timestamp, keyLength, valueLength] = output
      .toString("utf8", at, numbersEnd)
      .split(" ")
      .map(Number);
    const keyEnd = headersEnd + 1 + Math.max(keyLength, 0);
    const valueEnd = keyEnd + Math.max(valueLength, 0);
    if (output.length <= valueEnd) return { records, at };
    const key = keyLength < 0 ? null : base64(output.subarray(headersEnd + 1, keyEnd));
    const value = valueLength < 0 ? null : base64(output.subarray(keyEnd, valueEnd));
    const headers = parseHeaders(output.toString("latin1", numbersEnd + 1, headersEnd));
    records.push({ partition, offset, timestamp, key, value, headers });
    at = valueEnd + 1;
  }
}

/** The values that are tested hold no comma, but for one that has every byte, which comes alone. */
function parseHeaders(text) {
  if (text === "") return [];
  return text.split(",").map((header) => {
    const [name, value] = [header.slice(0, header.indexOf("=")), header.slice(header.indexOf("=") + 1)];
    return [name, value === "NULL" ? null : base64(Buffer.from(value, "latin1"))];
  });
}

async function join_({ topic, group }) {
  const settings = ["session.timeout.ms=6000", "heartbeat.interval.ms=200", "auto.commit.interval.ms=100"];
  settings.push("auto.offset.reset=earliest", "fetch.wait.max.ms=100");
  const args = settings.flatMap((setting) => ["-X", setting]);
  member = kcat(["-q", "-u", "-f", FORMAT, ...args, "-G", group, topic]);
  member.ended.catch((error) => say({ error: String(error) }));
  let output = Buffer.alloc(0);
  member.child.stdout.on("data", (chunk) => {
    output = Buffer.concat([output, chunk]);
    const { records, at } = parse(output);
    output = output.subarray(at);
    for (const handled of records) say({ handled });
  });
}

async function leave() {
  const leaving = member;
  member = undefined;
  leaving?.child.kill("SIGTERM");
  await leaving?.ended;
}

async function metadata() {
  return JSON.parse(await outputOf(["-L", "-J"])).topics;
}

await serve(
  {
    produce,
    consume,
    join: join_,
    leave,
    listTopics: async () => (await metadata()).map(({ topic }) => topic),
    describeTopic: async ({ topic }) => (await metadata()).find((one) => one.topic === topic).partitions.length,
  },
  leave,
);
