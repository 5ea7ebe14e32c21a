/**
 * Kafka's own DumpLogSegments as a judge of files. Needs Java 17 and, the first time, Maven (see the script `kafka`).
 *
 * The tool exits 0 on a bad checksum and stops for good at a file it cannot read at all; here both are problems, and the other
 * files are judged all the same. It writes nothing, provided that an index is never judged without its neighbours.
 */
import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Dump, parseDump } from "./dump-output.ts";

const script = join(dirname(fileURLToPath(import.meta.url)), "kafka");
/** The list of files is one argument, and Linux allows 128 KiB for one. */
const filesPerRun = 400;

export interface DumpOptions {
  /** Print keys and values. Default true. */
  printDataLog?: boolean;
  /** Decode the records of an internal topic; keys and values are then JSON. */
  decoder?: "offsets" | "transaction-log";
}

/** Dumps the files, of any of Kafka's kinds: many per start of the Java machine, which takes about a second. */
export async function dumpLogSegments(files: string[], options: DumpOptions = {}): Promise<Dump> {
  for (const file of files) requireDumpable(file);
  const dump: Dump = { files: [], problems: [] };
  for (let at = 0; at < files.length; at += filesPerRun) {
    const part = await dumpSome(files.slice(at, at + filesPerRun), options);
    dump.files.push(...part.files);
    dump.problems.push(...part.problems);
  }
  for (const file of dump.files) checkEntryCount(file.path, file.entries.length, dump);
  return dump;
}

/** Runs `kafka ARG…` and gives what it printed; stdout has one character per byte. */
export function runKafka(args: string[], env: Record<string, string> = {}, input?: string): Promise<Run> {
  return new Promise((resolve, reject) => {
    const settings = {
      encoding: "latin1",
      maxBuffer: 2 ** 30,
      // The Java machine prints in the locale's encoding.
      env: { ...process.env, LC_ALL: "C.UTF-8", ...env },
    } as const;
    const child = execFile(script, args, settings, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") reject(error);
      else resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
    child.stdin?.end(input ?? "");
  });
}

export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * One run; when the tool dies on a file, that file is set aside and the rest run again, for the tool reports mismatches of
 * indexes only at its end.
 */
async function dumpSome(files: string[], options: DumpOptions): Promise<Dump> {
  if (files.length === 0) return { files: [], problems: [] };
  const args = ["tool", "kafka.tools.DumpLogSegments", "--deep-iteration", "--files", files.join(",")];
  if (options.printDataLog ?? true) args.push("--print-data-log");
  if (options.decoder) args.push(`--${options.decoder}-decoder`);
  const { code, stdout, stderr } = await runKafka(args);
  const dump = parseDump(stdout, stderr);
  if (code === 0) return dump;
  const culprit = dump.files.at(-1);
  if (!culprit) throw new Error(`DumpLogSegments did not start: ${stderr}`);
  const rest = await dumpSome(
    files.filter((file) => file !== culprit.path),
    options,
  );
  rest.files.push(culprit);
  rest.problems.push(...dump.problems.filter((problem) => problem.file === culprit.path));
  return rest;
}

function requireDumpable(file: string): void {
  if (file.includes(",")) throw new Error(`the tool cannot take a comma in a path: ${file}`);
  const base = join(dirname(file), basename(file, extname(file)));
  const needed: Record<string, string[]> = { ".index": [".log"], ".timeindex": [".log", ".index"] };
  for (const suffix of ["", ...(needed[extname(file)] ?? [])]) {
    const path = suffix === "" ? file : base + suffix;
    if (!existsSync(path)) throw new Error(`there is no ${path}, without which ${file} cannot be judged`);
  }
}

/** The tool ends in silence at the first zero entry: an index that was never trimmed would pass. */
function checkEntryCount(path: string, seen: number, dump: Dump): void {
  const entrySize: Record<string, number> = { ".index": 8, ".timeindex": 12, ".txnindex": 34 };
  const size = entrySize[extname(path)];
  if (size === undefined || statSync(path).size === seen * size) return;
  const message = `${path} has ${statSync(path).size} bytes, but Kafka sees ${seen} entries of ${size}`;
  dump.problems.push({ kind: "index", message, file: path });
}
