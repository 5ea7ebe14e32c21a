/**
 * What a flipped bit may do to a partition, and what not. A flip anywhere costs at most one batch, which is reported; no
 * record is ever served other than it was written, and none that an aborted transaction wrote is shown as committed.
 */
import { VarveError } from "../../src/errors.ts";
import type { Batch } from "../../src/format/batch.ts";
import type { LogConfig, LogEvent } from "../../src/storage/log.ts";
import type { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join } from "../../src/storage/paths.ts";
import { committedOf, FOLDER, openLog, type ReadRecord, readAll } from "./partition.ts";

export interface Flip {
  file: string;
  bit: number;
}

export interface Subject {
  name: string;
  files: MemoryFiles;
  config?: Partial<LogConfig>;
  /** A flip in a base offset may go unnoticed, for the reason that structure.ts gives: then the offsets alone are wrong. */
  hasGaps?: boolean;
}

interface Told {
  uncommitted: ReadRecord[];
  committed: ReadRecord[];
  /** [first, last] offset of each batch with records. */
  batches: [number, number][];
  endOffset: number;
  stableOffset: number;
  reports: string[];
}

const LOOKUP_ONE_IN = 5;

const flippable = /\.(log|index|timeindex|txnindex|snapshot)$|^leader-epoch-checkpoint$/;

/** Every bit of every file that says something of the log. */
export function flipsOf({ files }: Subject): { file: string; bits: number }[] {
  const names = (files.list(FOLDER) ?? []).filter((name) => flippable.test(name));
  return names.map((file) => ({ file, bits: files.stat(join(FOLDER, file))!.size * 8 })).filter(({ bits }) => bits > 0);
}

export class FlipJudge {
  readonly #subject: Subject;
  readonly #good: Told;
  readonly #batchOf = new Map<number, number>();
  readonly #uncommitted: Map<number, string>;
  readonly #committed: Map<number, string>;
  readonly #contents: Set<string>;

  static async for(subject: Subject): Promise<FlipJudge> {
    const judge = new FlipJudge(subject, await tell(subject.files, subject.config ?? {}, 0));
    const { reports } = judge.#good;
    if (reports.length > 0) throw new Error(`${subject.name} is damaged from the start: ${reports.join("; ")}`);
    return judge;
  }

  private constructor(subject: Subject, good: Told) {
    this.#subject = subject;
    this.#good = good;
    good.batches.forEach(([first, last], i) => {
      for (let offset = first; offset <= last; offset++) this.#batchOf.set(offset, i);
    });
    this.#uncommitted = byOffset(good.uncommitted);
    this.#committed = byOffset(good.committed);
    this.#contents = new Set(good.uncommitted.map(contentOf));
  }

  /** What is wrong with what is read after the flip, or undefined. */
  async verdict(flip: Flip): Promise<string | undefined> {
    for (const recoveryPoint of [0, this.#good.endOffset]) {
      const wrong = await this.#verdictAt(flip, recoveryPoint);
      if (wrong !== undefined) return `${describe(flip)}, recovery point ${recoveryPoint}: ${wrong}`;
    }
    return undefined;
  }

  async #verdictAt(flip: Flip, recoveryPoint: number): Promise<string | undefined> {
    const { files, config = {} } = this.#subject;
    const flipped = files.clone();
    flipBit(flipped, flip);
    let told: Told;
    try {
      told = await tell(flipped, config, recoveryPoint);
    } catch (error) {
      if (error instanceof VarveError) return `cannot be read at all: ${error.code}, ${error.message}`;
      return `an error without a code: ${(error as Error).stack}`;
    }
    const wrong = this.#compare("uncommitted", told.uncommitted, this.#uncommitted, told);
    return wrong ?? this.#compare("committed", told.committed, this.#committed, told, flip);
  }

  #offsetOf(record: ReadRecord): number {
    return this.#good.uncommitted.find((good) => contentOf(good) === contentOf(record))!.offset;
  }

  #compare(
    isolation: string,
    found: ReadRecord[],
    expected: Map<number, string>,
    { reports, stableOffset, endOffset }: Told,
    flip?: Flip,
  ): string | undefined {
    // Where the last marker was taken for a torn append and cut off, its transaction is open again: pending, not lost.
    const isPending = (offset: number) => flip && offset >= stableOffset && offset < endOffset;
    const missing = new Set([...expected.keys()].filter((offset) => !isPending(offset)));
    let last = -1;
    for (const record of found) {
      const isMoved = this.#subject.hasGaps && this.#contents.has(contentOf(record));
      if (expected.get(record.offset) !== JSON.stringify(record) && !isMoved)
        return `${isolation}: ${JSON.stringify(record)} where ${expected.get(record.offset)} was written`;
      if (record.offset <= last) return `${isolation}: ${record.offset} behind ${last}`;
      last = record.offset;
      missing.delete(isMoved ? this.#offsetOf(record) : record.offset);
    }
    const lost = new Set([...missing].map((offset) => this.#batchOf.get(offset)));
    if (lost.size > 1) return `${isolation}: ${lost.size} batches lost, offsets ${[...missing].join(" ")}; ${reports}`;
    if (lost.size === 1 && reports.length === 0) return `${isolation}: ${[...missing].join(" ")} lost without a word`;
    if (lost.size === 1 && flip && /txnindex|snapshot/.test(flip.file)) return `${isolation}: lost for ${flip.file}`;
    return undefined;
  }
}

export function flipBit(files: MemoryFiles, { file, bit }: Flip): void {
  const path = join(FOLDER, file);
  const bytes = files.read(path)!;
  const open = files.open(path, "write");
  open.write(Uint8Array.of(bytes[bit >> 3] ^ (0x80 >> (bit & 7))), 0, 1, bit >> 3);
  open.close();
}

async function tell(files: MemoryFiles, config: Partial<LogConfig>, recoveryPoint: number): Promise<Told> {
  const choices = { config, readOnly: true, lastClose: "process" as const, recoveryPoint };
  const { log, events } = await openLog(files, choices);
  const everything = readAll(log, 500);
  const committed = committedOf(log, everything);
  // By single look-ups too, of some batches, from the end: no remembered place helps.
  for (const [i, batch] of everything.batches.toReversed().entries()) {
    if (i % LOOKUP_ONE_IN !== recoveryPoint % LOOKUP_ONE_IN) continue;
    const [found] = log.read(batch.lastOffset, 1, log.endOffset);
    if (found?.baseOffset !== batch.baseOffset) throw new Error(`looking up ${batch.lastOffset} finds another batch`);
    // The short way may give up, but never give another batch.
    const short = log.find(batch.lastOffset);
    if (short === undefined || !isSame(short, batch))
      throw new Error(`${batch.lastOffset} is in another batch by the short way`);
  }
  const { endOffset, lastStableOffset } = log;
  log.closeNow();
  return {
    uncommitted: everything.records,
    committed,
    batches: everything.batches.map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset]),
    endOffset,
    stableOffset: lastStableOffset,
    reports: [...events.flatMap(reportOf), ...everything.damage.map(placeOf)],
  };
}

function isSame(one: Batch, other: Batch): boolean {
  const bytesOf = ({ bytes, at, sizeInBytes }: Batch) => bytes.subarray(at, at + sizeInBytes);
  return Buffer.compare(bytesOf(one), bytesOf(other)) === 0;
}

function reportOf(event: LogEvent): string[] {
  if (event.kind === "corrupt") return [`${event.file} at ${event.position}: ${event.reason}`];
  return event.kind === "recovered" && event.truncatedBytes > 0 ? [`${event.truncatedBytes} bytes cut off`] : [];
}

function placeOf({ message, file, position }: VarveError): string {
  if (file === undefined || position === undefined) throw new Error(`no file and position: ${message}`);
  return message;
}

function byOffset(records: ReadRecord[]): Map<number, string> {
  return new Map(records.map((record) => [record.offset, JSON.stringify(record)]));
}

function contentOf(record: ReadRecord): string {
  return JSON.stringify({ ...record, offset: undefined });
}

function describe({ file, bit }: Flip): string {
  return `${file}, bit ${bit & 7} of byte ${bit >> 3}`;
}
