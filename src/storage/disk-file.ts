/**
 * One file on disk, which holds a descriptor only while it is in use.
 *
 * Promises: the descriptor is opened on first use and may be taken away between any two calls; unsynced writes are synced
 * before that; a map for look-ups stays. A failed sync, whoever asked for it, fails every later sync of this object, because the kernel marks the
 * pages clean and a retry would lie. A descriptor is never closed under a running sync. When another file has taken the
 * path while the descriptor was gone, the next call fails instead of going to that one.
 */
import { constants, fdatasync, fdatasyncSync, fstatSync, ftruncateSync, readSync, writeSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import { hasCode, type VarveError } from "../errors.ts";
import { IN_DOUBT, type RecordCopies } from "../format/record-copies.ts";
import type { Native } from "../native.ts";
import { readAndCheck, sealAndWrite } from "./batch-io.ts";
import { closeQuietly, type Descriptors, type Holder } from "./descriptors.ts";
import { FileMap, hasMaps } from "./file-map.ts";
import type { File } from "./files.ts";
import { closedError, foundError, readOnlyError, systemError } from "./system-error.ts";

export const FILE_MODE = 0o600;

/** Past that the system's own copying beats one into a map, whose pages have to be had one by one. */
const MOST_MAPPED_BYTES = 4096;

/** Undefined on Windows, which has no such flag. */
export const NO_FOLLOW: number | undefined = constants.O_NOFOLLOW;

export class DiskFile implements File, Holder {
  readonly path: string;
  readonly native: Native | undefined;
  readonly #descriptors: Descriptors;
  readonly #guard: () => void;
  readonly #writable: boolean;
  #descriptor = -1;
  /** It outlives the descriptor. */
  #map: FileMap | undefined;
  /** A map of the bytes before `#roomBytes`, to write to; 0 when there is none. Never kept beyond the descriptor. */
  #room = 0;
  #roomBytes = 0;
  #identity: { dev: number; ino: number } | undefined;
  #closed = false;

  /** Writes and truncates begun, and how many of them a finished sync has covered. */
  #written = 0;
  #synced = 0;
  #running: { covers: number; done: Promise<void> } | undefined;
  #next: Promise<void> | undefined;
  /** A sync of this object has gone well: from then on only what it writes needs another. */
  #hasSynced = false;
  #failure: VarveError | undefined;
  #failureSeen = false;

  lastUse = 0;

  /** `guard` throws when the path leads through a link; it is asked before each opening. */
  constructor(
    path: string,
    writable: boolean,
    descriptors: Descriptors,
    guard: () => void,
    native: Native | undefined,
  ) {
    this.path = path;
    this.native = native;
    this.#writable = writable;
    this.#descriptors = descriptors;
    this.#guard = guard;
  }

  /** Makes the file, now. It may not exist yet. */
  create(): void {
    this.#open(constants.O_CREAT | constants.O_EXCL);
  }

  get busy(): boolean {
    return this.#running !== undefined;
  }

  get dirty(): boolean {
    return this.#synced < this.#written;
  }

  /** Somebody waits for a sync. */
  get #isAwaited(): boolean {
    return this.busy || this.#next !== undefined;
  }

  get #isCovered(): boolean {
    return this.#hasSynced && !this.dirty;
  }

  size(): number {
    const descriptor = this.#use();
    try {
      return fstatSync(descriptor).size;
    } catch (error) {
      throw systemError("stat", this.path, error);
    }
  }

  read(into: Uint8Array, at: number, length: number, position: number): number {
    const descriptor = this.#use();
    const { native } = this;
    if (native?.read) return this.#counted("read", native.read(descriptor, into, at, length, position));
    let done = 0;
    try {
      while (done < length) {
        const count = readSync(descriptor, into, at + done, length - done, position + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw systemError("read", this.path, error);
    }
    return done;
  }

  readBatches(into: Uint8Array, length: number, position: number, verdict: Int32Array): number {
    const { native } = this;
    if (!native?.readBatches) return readAndCheck(this, into, length, position, verdict);
    return this.#counted("read", native.readBatches(this.#use(), into, length, position, verdict));
  }

  write(from: Uint8Array, at: number, length: number, position: number): void {
    const descriptor = this.#useForWriting();
    const { native } = this;
    this.#written++;
    const done = native?.write
      ? this.#counted("write", native.write(descriptor, from, at, length, position))
      : this.#writePlainly(descriptor, from, at, length, position);
    if (done < length) throw foundError("write", this.path, "ENOSPC");
  }

  writeSealed(from: Uint8Array, at: number, length: number, position: number): void {
    const { native } = this;
    if (!native?.writeSealed) {
      sealAndWrite(this, from, at, length, position);
      return;
    }
    const descriptor = this.#useForWriting();
    this.#written++;
    if (at === 0 && length <= MOST_MAPPED_BYTES && position + length <= this.#roomBytes) {
      if (native.copySealed!(this.#room, from, position)) return;
      this.#leaveRoom();
    }
    const done = this.#counted("write", native.writeSealed(descriptor, from, at, length, position));
    if (done < length) throw foundError("write", this.path, "ENOSPC");
  }

  /** A file that is only read belongs to another process, perhaps, which may cut it at any time. */
  findRecord(copies: RecordCopies): number {
    if (this.#closed) throw closedError(this.path);
    const { native } = this;
    if (!this.#writable || !hasMaps(native)) return IN_DOUBT;
    this.#map ??= new FileMap(native);
    return this.#map.findRecord(copies, this);
  }

  /** Opens it where it is not open. */
  descriptor(): number {
    return this.#use();
  }

  truncate(size: number): void {
    const descriptor = this.#useForWriting();
    this.#map?.unmap();
    this.#leaveRoom();
    this.#written++;
    try {
      ftruncateSync(descriptor, size);
    } catch (error) {
      throw systemError("truncate", this.path, error);
    }
  }

  allocate(size: number): boolean {
    const { native } = this;
    const descriptor = this.#useForWriting();
    if (!native?.allocate) return false;
    const before = this.size();
    if (size > before) {
      this.#written++;
      const isAllocated = native.allocate(descriptor, before, size) === 0;
      // A part of it may have been had.
      if (!isAllocated && this.size() > before) this.truncate(before);
      if (!isAllocated) return false;
    }
    this.#leaveRoom();
    this.#room = Math.max(0, native.map!(descriptor, size, true));
    this.#roomBytes = this.#room === 0 ? 0 : size;
    return true;
  }

  /**
   * Calls that come while a sync runs share the next one, or the running one when nothing was written since; so do those that
   * come while one waits for its turn. A file that was synced when its descriptor was taken away is not opened for it again.
   */
  sync(): Promise<void> {
    if (this.#closed) return Promise.reject(closedError(this.path));
    if (this.#failure) return Promise.reject(this.#seen(this.#failure));
    if (this.#next) return this.#next;
    const running = this.#running;
    if (running?.covers === this.#written) return running.done;
    if (!running) return this.#isCovered ? Promise.resolve() : this.#syncInTurn();
    const follow = () => this.#syncInTurn();
    this.#next = running.done.then(follow, follow);
    return this.#next;
  }

  syncNow(): void {
    const descriptor = this.#use();
    if (this.#failure) throw this.#seen(this.#failure);
    const covers = this.#written;
    try {
      fdatasyncSync(descriptor);
    } catch (error) {
      throw this.#seen(this.#fail(error));
    }
    this.#covered(covers);
  }

  /** Does not sync. Throws the error of a sync that nobody has been told about: this is the last chance. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#map?.unmap();
    this.#leaveRoom();
    if (!this.#isAwaited) this.#closeDescriptor();
    if (this.#failure && !this.#failureSeen) throw this.#seen(this.#failure);
  }

  release(): void {
    this.#leaveRoom();
    try {
      if (this.dirty && !this.#failure) {
        fdatasyncSync(this.#descriptor);
        this.#covered(this.#written);
      }
    } catch (error) {
      this.#fail(error);
    }
    const error = closeQuietly(this.#descriptor);
    if (error) this.#fail(error);
    this.#descriptor = -1;
  }

  #syncInTurn(): Promise<void> {
    const turn = this.#descriptors.turn();
    if (turn === undefined) return this.#startSync();
    this.#next = turn.then(() => this.#startSync());
    return this.#next;
  }

  /** It is this file's turn, which ends with the sync. */
  #startSync(): Promise<void> {
    this.#next = undefined;
    const covers = this.#written;
    let descriptor: number;
    try {
      if (this.#failure) throw this.#seen(this.#failure);
      if (this.#isCovered) return this.#endTurn(Promise.resolve());
      descriptor = this.#descriptor < 0 ? this.#open(0) : this.#descriptor;
    } catch (error) {
      return this.#endTurn(Promise.reject(error));
    }
    const done = new Promise<void>((resolve, reject) => {
      fdatasync(descriptor, (error) => {
        this.#running = undefined;
        if (error) {
          reject(this.#seen(this.#fail(error)));
        } else {
          this.#covered(covers);
          resolve();
        }
        this.#endTurn(done);
      });
    });
    this.#running = { covers, done };
    return done;
  }

  #endTurn(done: Promise<void>): Promise<void> {
    this.#descriptors.endTurn();
    if (this.#isAwaited) return done;
    if (this.#closed) this.#closeDescriptor();
    this.#descriptors.settle();
    return done;
  }

  #covered(written: number): void {
    this.#synced = Math.max(this.#synced, written);
    this.#hasSynced = true;
  }

  #fail(error: unknown): VarveError {
    this.#failure ??= systemError("sync", this.path, error);
    return this.#failure;
  }

  #seen(failure: VarveError): VarveError {
    this.#failureSeen = true;
    return failure;
  }

  /** The system may take a part and report no error; the rest then fails with the reason, or is taken as well. */
  #writePlainly(descriptor: number, from: Uint8Array, at: number, length: number, position: number): number {
    let done = 0;
    try {
      while (done < length) {
        const count = writeSync(descriptor, from, at + done, length - done, position + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw systemError("write", this.path, error);
    }
    return done;
  }

  /** What a native call answered: a count, or the system's error number, negative. */
  #counted(operation: string, count: number): number {
    if (count < 0) throw systemError(operation, this.path, numberedError(count));
    return count;
  }

  #useForWriting(): number {
    if (!this.#writable) throw readOnlyError(this.path);
    return this.#use();
  }

  #use(): number {
    if (this.#closed) throw closedError(this.path);
    this.lastUse = this.#descriptors.tick();
    return this.#descriptor < 0 ? this.#open(0) : this.#descriptor;
  }

  #open(extra: number): number {
    this.#guard();
    const access = this.#writable ? constants.O_RDWR : constants.O_RDONLY;
    this.#descriptor = this.#descriptors.open(this, this.path, access | extra | (NO_FOLLOW ?? 0), FILE_MODE);
    try {
      const { dev, ino } = fstatSync(this.#descriptor);
      this.#identity ??= { dev, ino };
      if (this.#identity.dev === dev && this.#identity.ino === ino) return this.#descriptor;
      throw foundError("open again", this.path, "ESTALE");
    } catch (error) {
      this.#closeDescriptor();
      throw hasCode(error, "VARVE_IO") ? error : systemError("stat", this.path, error);
    }
  }

  #leaveRoom(): void {
    if (this.#room > 0) this.native?.unmap?.(this.#room);
    this.#room = 0;
    this.#roomBytes = 0;
  }

  #closeDescriptor(): void {
    if (this.#descriptor < 0) return;
    this.#leaveRoom();
    this.#descriptors.drop(this);
    closeQuietly(this.#descriptor);
    this.#descriptor = -1;
  }
}

/** The error that Node would have made of the system's number, which the native module gives as it is, negative. */
function numberedError(errno: number): Error {
  const [code, words] = getSystemErrorMap().get(errno) ?? ["EIO", `the system's error ${-errno}`];
  return Object.assign(new Error(`${code}: ${words}`), { code, errno });
}
