/**
 * A process that can be killed at any moment: what an engine needs of the world, until it dies.
 *
 * After `kill` no file is open, every call fails, no timer runs and no sync ever comes back, so that nothing the engine had
 * under way goes on. Those who wait for it wait for ever, as they would for a dead process.
 */
import type { Identity } from "../../src/engine/identity.ts";
import { readAndCheck, sealAndWrite } from "../../src/storage/batch-io.ts";
import type { Chance, Clock } from "../../src/storage/clock.ts";
import type { File, FileInfo, Files, OpenMode } from "../../src/storage/files.ts";
import type { Random } from "./random.ts";

export interface MortalOptions {
  files: Files;
  clock: Clock;
  random: Random;
  /** Another one for each boot of the machine. */
  bootId: string;
}

export class Mortal implements Files, Clock {
  readonly identity: Identity;
  readonly chance: Chance;
  isDead = false;
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #open = new Set<File>();

  constructor({ files, clock, random, bootId }: MortalOptions) {
    this.#files = files;
    this.#clock = clock;
    this.chance = (count) => random.bytes(count);
    const pid = 1 + random.below(2 ** 31);
    const start = String(random.below(2 ** 31));
    this.identity = {
      pid,
      hostName: "host",
      bootId,
      processStart: (other) => (other === pid ? start : undefined),
      isAlive: (other) => other === pid && !this.isDead,
    };
  }

  get native(): Files["native"] {
    return this.#files.native;
  }

  kill(): void {
    this.isDead = true;
    for (const file of this.#open) file.close();
    this.#open.clear();
  }

  open(path: string, mode: OpenMode): File {
    this.mustLive();
    const inner = this.#files.open(path, mode);
    this.#open.add(inner);
    return new MortalFile(inner, this, () => this.#open.delete(inner));
  }

  stat(path: string): FileInfo | undefined {
    this.mustLive();
    return this.#files.stat(path);
  }

  list(folder: string): string[] | undefined {
    this.mustLive();
    return this.#files.list(folder);
  }

  read(path: string): Uint8Array | undefined {
    this.mustLive();
    return this.#files.read(path);
  }

  makeFolder(path: string): void {
    this.mustLive();
    this.#files.makeFolder(path);
  }

  rename(from: string, to: string): void {
    this.mustLive();
    this.#files.rename(from, to);
  }

  link(from: string, to: string): boolean {
    this.mustLive();
    return this.#files.link(from, to);
  }

  remove(path: string): void {
    this.mustLive();
    this.#files.remove(path);
  }

  removeFolder(path: string): void {
    this.mustLive();
    this.#files.removeFolder(path);
  }

  syncFolder(path: string): Promise<void> {
    this.mustLive();
    return this.whileAlive(this.#files.syncFolder(path));
  }

  syncFolderNow(path: string): void {
    this.mustLive();
    this.#files.syncFolderNow(path);
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  schedule(ms: number, fn: () => void): () => void {
    return this.#clock.schedule(ms, () => {
      if (!this.isDead) fn();
    });
  }

  mustLive(): void {
    if (this.isDead) throw new Error("the process is dead");
  }

  whileAlive(work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      work.then(
        () => this.isDead || resolve(),
        (error) => this.isDead || reject(error),
      );
    });
  }
}

class MortalFile implements File {
  readonly #file: File;
  readonly #process: Mortal;
  readonly #onClose: () => void;

  constructor(file: File, process: Mortal, onClose: () => void) {
    this.#file = file;
    this.#process = process;
    this.#onClose = onClose;
  }

  get path(): string {
    return this.#file.path;
  }

  get native(): Files["native"] {
    return this.#file.native;
  }

  size(): number {
    this.#process.mustLive();
    return this.#file.size();
  }

  read(into: Uint8Array, at: number, length: number, position: number): number {
    this.#process.mustLive();
    return this.#file.read(into, at, length, position);
  }

  write(from: Uint8Array, at: number, length: number, position: number): void {
    this.#process.mustLive();
    this.#file.write(from, at, length, position);
  }

  writeSealed(from: Uint8Array, at: number, length: number, position: number): void {
    sealAndWrite(this, from, at, length, position);
  }

  readBatches(into: Uint8Array, length: number, position: number, verdict: Int32Array): number {
    return readAndCheck(this, into, length, position, verdict);
  }

  truncate(size: number): void {
    this.#process.mustLive();
    this.#file.truncate(size);
  }

  allocate(size: number): boolean {
    this.#process.mustLive();
    return this.#file.allocate(size);
  }

  sync(): Promise<void> {
    this.#process.mustLive();
    return this.#process.whileAlive(this.#file.sync());
  }

  syncNow(): void {
    this.#process.mustLive();
    this.#file.syncNow();
  }

  close(): void {
    this.#onClose();
    this.#file.close();
  }
}
