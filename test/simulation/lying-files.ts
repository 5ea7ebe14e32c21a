/** A disk that says it has synced and has not: what an engine that forgets a sync looks like from below. */
import type { File, FileInfo, Files, OpenMode } from "../../src/storage/files.ts";

export interface Lies {
  /** Whether that file is really synced. All are when not given. */
  syncsFile?: (path: string) => boolean;
  /** Whether the names in that folder are. They are when not given. */
  syncsFolder?: (path: string) => boolean;
}

export class LyingFiles implements Files {
  readonly #files: Files;
  readonly #lies: Lies;

  constructor(files: Files, lies: Lies) {
    this.#files = files;
    this.#lies = lies;
  }

  get native(): Files["native"] {
    return this.#files.native;
  }

  open(path: string, mode: OpenMode): File {
    const file = this.#files.open(path, mode);
    const isTrue = () => this.#lies.syncsFile?.(path) ?? true;
    return {
      path,
      native: file.native,
      size: () => file.size(),
      read: (...range) => file.read(...range),
      write: (...range) => file.write(...range),
      writeSealed: (...range) => file.writeSealed(...range),
      readBatches: (...range) => file.readBatches(...range),
      truncate: (size) => file.truncate(size),
      allocate: (size) => file.allocate(size),
      sync: async () => (isTrue() ? file.sync() : undefined),
      syncNow: () => (isTrue() ? file.syncNow() : undefined),
      close: () => file.close(),
    };
  }

  stat(path: string): FileInfo | undefined {
    return this.#files.stat(path);
  }

  list(folder: string): string[] | undefined {
    return this.#files.list(folder);
  }

  read(path: string): Uint8Array | undefined {
    return this.#files.read(path);
  }

  makeFolder(path: string): void {
    this.#files.makeFolder(path);
  }

  rename(from: string, to: string): void {
    this.#files.rename(from, to);
  }

  link(from: string, to: string): boolean {
    return this.#files.link(from, to);
  }

  remove(path: string): void {
    this.#files.remove(path);
  }

  removeFolder(path: string): void {
    this.#files.removeFolder(path);
  }

  async syncFolder(path: string): Promise<void> {
    if (this.#lies.syncsFolder?.(path) ?? true) await this.#files.syncFolder(path);
  }

  syncFolderNow(path: string): void {
    if (this.#lies.syncsFolder?.(path) ?? true) this.#files.syncFolderNow(path);
  }
}
