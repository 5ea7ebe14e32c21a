/**
 * Files that fail when a test says so.
 *
 *   const files = new FaultyFiles(new MemoryFiles());
 *   files.fail({ on: "sync", path: /\.log$/, code: "VARVE_IO" });                  // the next sync of a log fails, once
 *   files.fail({ on: "write", code: "VARVE_NO_SPACE", nth: 3, times: Infinity });  // from the third write on, all do
 *   files.shortWrites({ path: /orders-0/ });                                       // half of the bytes, then VARVE_NO_SPACE
 *   const release = files.holdSyncs();                                             // a slow disk, until release()
 *   files.clear();                                                                 // all is well again
 *
 * A call that a rule fails does not reach the files below. As on a real disk, a sync that is tried again after it failed
 * may succeed, and then says nothing about the writes before: who trusts it has the bug that a test looks for.
 */
import { type ErrorCode, VarveError } from "../errors.ts";
import { readAndCheck, sealAndWrite } from "../storage/batch-io.ts";
import type { File, FileInfo, Files, OpenMode } from "../storage/files.ts";

/**
 * "read" is that of a part and of a whole file; "sync" is sync and syncNow; "remove" is that of files and folders. An "allocate" that
 * fails is no error: the log goes on without the room that it wanted in advance.
 */
export type FaultOperation =
  | "open"
  | "read"
  | "write"
  | "truncate"
  | "allocate"
  | "sync"
  | "stat"
  | "list"
  | "rename"
  | "link"
  | "remove"
  | "makeFolder"
  | "syncFolder";

/** Which calls fail. */
export interface FaultTarget {
  /** Only calls for a path that it matches; for "rename" and "link", either of the two. Every path when not given. */
  path?: RegExp;
  /** The first matching call that fails, counted from 1, which is also the default. */
  nth?: number;
  /** How many fail from there on. 1 when not given. */
  times?: number;
}

/** Calls that fail, and how. */
export interface Fault extends FaultTarget {
  /** What the call does to the files. */
  on: FaultOperation | readonly FaultOperation[];
  /** With which error. */
  code: ErrorCode;
}

/** Writes that come to a part of their bytes. */
export interface ShortWrite extends FaultTarget {
  /** How many of the bytes are written all the same. Half of them when not given. */
  keep?: (length: number) => number;
  /** VARVE_NO_SPACE when not given. */
  code?: ErrorCode;
}

/** Resolves when a sync may come back. */
export type SyncDelay = (path: string) => Promise<void> | undefined;

interface Rule {
  operations: readonly FaultOperation[];
  path?: RegExp;
  code: ErrorCode;
  keep?: (length: number) => number;
  /** Matching calls that pass before the first failure, and failures after that. */
  passes: number;
  failures: number;
}

/** Files that fail when the test says so. */
export class FaultyFiles implements Files {
  readonly #files: Files;
  #rules: Rule[] = [];
  #delay: SyncDelay | undefined;
  #releases = new Set<() => void>();
  readonly #open = new Set<FaultyFile>();
  #counts = zeroCounts();

  constructor(files: Files) {
    this.#files = files;
  }

  get native(): Files["native"] {
    return this.#files.native;
  }

  /** Adds a rule. Of several that match a call, the oldest that fails it decides. Returns the call that takes it back. */
  fail(fault: Fault): () => void {
    const { on, code, path } = fault;
    return this.#add({ operations: typeof on === "string" ? [on] : on, path, code, ...countdown(fault) });
  }

  /** Writes come to a part of their bytes and fail: the disk became full in the middle of one. */
  shortWrites(write: ShortWrite = {}): () => void {
    const { path, code = "VARVE_NO_SPACE", keep = (length) => length >> 1 } = write;
    return this.#add({ operations: ["write"], path, code, keep, ...countdown(write) });
  }

  /**
   * Asked at every sync of a file or a folder (not syncNow, which cannot wait); the sync itself begins at once and comes
   * back when both are done. Replaces the delay before.
   */
  delaySync(delay: SyncDelay): void {
    this.#delay = delay;
  }

  /** Holds back every sync, of the paths that match if given, until the returned function is called. */
  holdSyncs(path?: RegExp): () => void {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const delay: SyncDelay = (of) => (path === undefined || of.search(path) >= 0 ? held : undefined);
    const end = () => {
      if (this.#delay === delay) this.#delay = undefined;
      this.#releases.delete(release);
      release();
    };
    this.#releases.add(release);
    this.#delay = delay;
    return end;
  }

  /** Drops all rules and delays, and releases the syncs held by holdSyncs. The counts stay. */
  clear(): void {
    this.#rules = [];
    this.#delay = undefined;
    for (const release of this.#releases) release();
    this.#releases.clear();
  }

  /** How often each call was made, those that failed included. */
  get counts(): Readonly<Record<FaultOperation, number>> {
    return this.#counts;
  }

  resetCounts(): void {
    this.#counts = zeroCounts();
  }

  /** The paths of the files that are open, sorted. What is left of them when a log is closed has leaked. */
  get openPaths(): string[] {
    return [...this.#open].map((file) => file.path).sort();
  }

  open(path: string, mode: OpenMode): File {
    this.before("open", path);
    const file = new FaultyFile(this.#files.open(path, mode), this, () => this.#open.delete(file));
    this.#open.add(file);
    return file;
  }

  stat(path: string): FileInfo | undefined {
    this.before("stat", path);
    return this.#files.stat(path);
  }

  list(folder: string): string[] | undefined {
    this.before("list", folder);
    return this.#files.list(folder);
  }

  read(path: string): Uint8Array | undefined {
    this.before("read", path);
    return this.#files.read(path);
  }

  makeFolder(path: string): void {
    this.before("makeFolder", path);
    this.#files.makeFolder(path);
  }

  rename(from: string, to: string): void {
    this.before("rename", from, to);
    this.#files.rename(from, to);
  }

  link(from: string, to: string): boolean {
    this.before("link", from, to);
    return this.#files.link(from, to);
  }

  remove(path: string): void {
    this.before("remove", path);
    this.#files.remove(path);
  }

  removeFolder(path: string): void {
    this.before("remove", path);
    this.#files.removeFolder(path);
  }

  async syncFolder(path: string): Promise<void> {
    this.before("syncFolder", path);
    await this.delayed(path, this.#files.syncFolder(path));
  }

  syncFolderNow(path: string): void {
    this.before("syncFolder", path);
    this.#files.syncFolderNow(path);
  }

  /** Counts a call and throws when a rule fails it. For FaultyFile, as are the next two. */
  before(operation: FaultOperation, path: string, to?: string): void {
    this.#counts[operation]++;
    const rule = this.#ruleFor(operation, path, to);
    if (rule) throw fault(rule.code, operation, path);
  }

  /** Counts a call; whether a rule fails it. */
  refuses(operation: FaultOperation, path: string): boolean {
    this.#counts[operation]++;
    return this.#ruleFor(operation, path) !== undefined;
  }

  /** For a write: how many bytes to write before it fails; undefined when no rule fails it. */
  beforeWrite(path: string, length: number): { keep: number; error: VarveError } | undefined {
    this.#counts.write++;
    const rule = this.#ruleFor("write", path);
    if (!rule) return undefined;
    const keep = Math.max(0, Math.min(length, rule.keep?.(length) ?? 0));
    return { keep, error: fault(rule.code, "write", path) };
  }

  async delayed(path: string, sync: Promise<void>): Promise<void> {
    await Promise.all([sync, this.#delay?.(path)]);
  }

  #add(rule: Rule): () => void {
    this.#rules.push(rule);
    return () => {
      this.#rules = this.#rules.filter((other) => other !== rule);
    };
  }

  #ruleFor(operation: FaultOperation, path: string, to?: string): Rule | undefined {
    return this.#rules.find((rule) => matches(rule, operation, path, to) && fires(rule));
  }
}

class FaultyFile implements File {
  readonly #file: File;
  readonly #faults: FaultyFiles;
  readonly #onClose: () => void;

  constructor(file: File, faults: FaultyFiles, onClose: () => void) {
    this.#file = file;
    this.#faults = faults;
    this.#onClose = onClose;
  }

  get path(): string {
    return this.#file.path;
  }

  get native(): Files["native"] {
    return this.#file.native;
  }

  size(): number {
    return this.#file.size();
  }

  read(into: Uint8Array, at: number, length: number, position: number): number {
    this.#faults.before("read", this.path);
    return this.#file.read(into, at, length, position);
  }

  write(from: Uint8Array, at: number, length: number, position: number): void {
    const failure = this.#faults.beforeWrite(this.path, length);
    const keep = failure ? failure.keep : length;
    if (!failure || keep > 0) this.#file.write(from, at, keep, position);
    if (failure) throw failure.error;
  }

  writeSealed(from: Uint8Array, at: number, length: number, position: number): void {
    sealAndWrite(this, from, at, length, position);
  }

  readBatches(into: Uint8Array, length: number, position: number, verdict: Int32Array): number {
    return readAndCheck(this, into, length, position, verdict);
  }

  truncate(size: number): void {
    this.#faults.before("truncate", this.path);
    this.#file.truncate(size);
  }

  allocate(size: number): boolean {
    return !this.#faults.refuses("allocate", this.path) && this.#file.allocate(size);
  }

  async sync(): Promise<void> {
    this.#faults.before("sync", this.path);
    await this.#faults.delayed(this.path, this.#file.sync());
  }

  syncNow(): void {
    this.#faults.before("sync", this.path);
    this.#file.syncNow();
  }

  close(): void {
    this.#onClose();
    this.#file.close();
  }
}

/** A RegExp with the flag g or y remembers where it stopped; `search` does not. */
function matches(rule: Rule, operation: FaultOperation, path: string, to: string | undefined): boolean {
  if (!rule.operations.includes(operation)) return false;
  if (rule.path === undefined) return true;
  return path.search(rule.path) >= 0 || (to !== undefined && to.search(rule.path) >= 0);
}

function fires(rule: Rule): boolean {
  if (rule.passes > 0) {
    rule.passes--;
    return false;
  }
  if (rule.failures === 0) return false;
  rule.failures--;
  return true;
}

function countdown({ nth = 1, times = 1 }: FaultTarget): { passes: number; failures: number } {
  return { passes: nth - 1, failures: times };
}

function fault(code: ErrorCode, operation: FaultOperation, path: string): VarveError {
  return new VarveError(code, `cannot ${operation} ${path}: a fault set by the test`, { file: path });
}

function zeroCounts(): Record<FaultOperation, number> {
  return {
    open: 0,
    read: 0,
    write: 0,
    truncate: 0,
    allocate: 0,
    sync: 0,
    stat: 0,
    list: 0,
    rename: 0,
    link: 0,
    remove: 0,
    makeFolder: 0,
    syncFolder: 0,
  };
}
