/**
 * `varve dump FILE…`: what is in the files of a log, one line per record or entry.
 *
 * Each file is read by itself, wherever it lies. Damage is a line of its own and is stepped over.
 */
import { realpathSync } from "node:fs";
import type { Command } from "commander";
import { VarveError } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import { MAX_UNPACKED_BYTES } from "../format/compression.ts";
import type { ReadOptions } from "../format/schema.ts";
import { readProducerSnapshot } from "../format/snapshots.ts";
import { DiskFiles } from "../storage/disk-files.ts";
import type { Files } from "../storage/files.ts";
import { LeaderEpochs } from "../storage/leader-epochs.ts";
import {
  absolutePath,
  nameOf,
  parentOf,
  parsePartitionFolder,
  parseSegmentFile,
  type SegmentFile,
} from "../storage/paths.ts";
import { isDamage, scanBatches } from "../storage/scan.ts";
import { Structure } from "../storage/structure.ts";
import { formatBatch, formatFields, formatRecord } from "./dump-text.ts";
import { ENCODINGS, type Encoding } from "./encoding.ts";
import { furthestEnd, type IndexFileKind, judgeEntries, positionOfEntry, readEntries } from "./index-entries.ts";
import { type Decoder, decoderFor } from "./internal-topics.ts";
import { type CommonOptions, choice, examples } from "./options.ts";
import { corruption, formatProblem, type Problem, problemOf } from "./problem.ts";
import { recordLines } from "./record-line.ts";
import { readSmallFile, SMALL_FILES } from "./small-files.ts";
import { Failure, type Output, type Terminal } from "./terminal.ts";

const PRINTED: ReadOptions = { unsafe: "string" };

interface DumpOptions extends CommonOptions {
  encoding: Encoding;
}

export function addDump(program: Command, terminal: Terminal): void {
  program
    .command("dump")
    .summary("show what is in the files of a log")
    .description(
      "Shows the contents of .log, .index, .timeindex, .txnindex and .snapshot files and of checkpoints, batch by batch " +
        "and entry by entry. Damage is shown as a line of its own, and the exit code is 1.",
    )
    .argument("<file...>", "the files; each is read by itself")
    .addOption(choice("--encoding <encoding>", "of keys, values and header values", ENCODINGS, "utf8"))
    .addHelpText(
      "after",
      examples(
        "varve dump varve-data/orders-0/00000000000000000000.log",
        "varve dump --json --encoding base64 varve-data/orders-0/*.log | head",
        "varve dump varve-data/orders-0/*.index varve-data/recovery-point-offset-checkpoint",
      ),
    )
    .action(async (paths: string[], _, command: Command) => {
      const { json, encoding } = command.optsWithGlobals<DumpOptions>();
      const dumper = new Dumper(terminal.out, json, encoding, terminal.streams.signal);
      for (const path of paths) await dumper.dump(path);
      if (terminal.streams.signal.aborted) throw new Failure("interrupted: not everything was shown");
      if (dumper.hasProblems) terminal.exitCode = 1;
    });
}

class Dumper {
  hasProblems = false;
  readonly #out: Output;
  readonly #isJson: boolean;
  readonly #encoding: Encoding;
  readonly #signal: AbortSignal;
  readonly #files: Files = new DiskFiles();

  constructor(out: Output, isJson: boolean, encoding: Encoding, signal: AbortSignal) {
    this.#out = out;
    this.#isJson = isJson;
    this.#encoding = encoding;
    this.#signal = signal;
  }

  /** `path` is what the lines call the file. */
  async dump(path: string): Promise<void> {
    if (!this.#isJson) this.#out.line(`${path}:`);
    try {
      await this.#dumpAs(path, this.#locate(path));
    } catch (error) {
      this.#problem(problemOf(error, path));
    }
    await this.#out.flush();
  }

  /** A link is followed, since its user named it; its own name says what it is. */
  #locate(path: string): string {
    try {
      return absolutePath(realpathSync(path));
    } catch (cause) {
      throw new VarveError("VARVE_NOT_FOUND", `there is no file ${path}`, { file: path, cause });
    }
  }

  async #dumpAs(path: string, place: string): Promise<void> {
    const name = nameOf(absolutePath(path));
    const segmentFile = parseSegmentFile(name);
    if (segmentFile?.kind === "log") return this.#dumpLog(path, place, segmentFile);
    if (segmentFile === undefined && SMALL_FILES[name] === undefined) {
      const message = `${name} is not the name of a file that can be dumped`;
      throw new VarveError("VARVE_INVALID_ARGUMENT", message, { file: path });
    }
    const bytes = readSmallFile(this.#files, place) as Uint8Array;
    if (segmentFile === undefined) await this.#objects(SMALL_FILES[name](bytes, path));
    else if (segmentFile.kind === "snapshot") await this.#objects(readProducerSnapshot(bytes, path, PRINTED));
    else await this.#dumpIndex(path, segmentFile.kind, bytes, segmentFile.baseOffset);
  }

  async #dumpLog(path: string, place: string, segment: SegmentFile): Promise<void> {
    const folder = parentOf(place);
    const decode = decoderFor(parsePartitionFolder(nameOf(folder))?.topic);
    const file = this.#files.open(place, "read");
    try {
      for (const scanned of scanBatches(file, 0, file.size(), structureFor(this.#files, folder, segment))) {
        if (!isDamage(scanned)) await this.#dumpBatch(path, scanned, decode);
        else if (!scanned.isZeros) this.#problem(corruption(path, scanned.position, scanned.reason));
        if (this.#out.isFull) await this.#out.flush();
        if (this.#isOver) return;
      }
    } finally {
      file.close();
    }
  }

  async #dumpBatch(path: string, batch: Batch, decode: Decoder | undefined): Promise<void> {
    if (!this.#isJson) this.#out.line(formatBatch(batch));
    try {
      const table = batch.records(MAX_UNPACKED_BYTES);
      for (const line of recordLines(path, batch, table, this.#encoding, decode)) {
        if (this.#isJson) this.#out.json(line);
        else this.#out.line(formatRecord(line));
        if (this.#out.isFull) await this.#out.flush();
        if (this.#isOver) return;
      }
    } catch (error) {
      this.#problem(problemOf(error, path, batch.position));
    }
  }

  async #dumpIndex(path: string, kind: IndexFileKind, bytes: Uint8Array, baseOffset: number): Promise<void> {
    const entries = readEntries(kind, bytes, baseOffset);
    for (const { index, problem } of judgeEntries(entries)) {
      if (problem === undefined) this.#object(entries.layout.line(bytes, index, baseOffset));
      else this.#problem(corruption(path, positionOfEntry(entries, index), problem));
      if (this.#out.isFull) await this.#out.flush();
      if (this.#isOver) return;
    }
  }

  async #objects(objects: object[]): Promise<void> {
    for (const object of objects) {
      this.#object(object);
      if (this.#out.isFull) await this.#out.flush();
    }
  }

  #object(object: object): void {
    if (this.#isJson) this.#out.json(object);
    else this.#out.line(formatFields(object));
  }

  #problem(problem: Problem): void {
    this.hasProblems = true;
    if (this.#isJson) this.#out.json(problem);
    else this.#out.line(formatProblem(problem));
  }

  get #isOver(): boolean {
    return this.#out.isClosed || this.#signal.aborted;
  }
}

/**
 * Offsets may have gaps: the file does not say whether it was compacted. Epochs are held against the checkpoint, and the end
 * against the next segment, where these lie beside the file.
 */
function structureFor(files: Files, folder: string, { baseOffset }: SegmentFile): Structure {
  const end = Math.min(furthestEnd(baseOffset), nextBaseOffset(files, folder, baseOffset));
  return new Structure(baseOffset, true, end, LeaderEpochs.load(files, folder));
}

function nextBaseOffset(files: Files, folder: string, baseOffset: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const name of files.list(folder) ?? []) {
    const file = name.endsWith(".log") ? parseSegmentFile(name) : undefined;
    if (file && file.baseOffset > baseOffset && file.baseOffset < next) next = file.baseOffset;
  }
  return next;
}
