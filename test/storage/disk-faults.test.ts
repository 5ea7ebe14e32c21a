/** What a disk file does when the system fails or does less than it was asked: node:fs with some of its calls replaced. */
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import type { Native } from "../../src/native.ts";
import { DiskFiles } from "../../src/storage/disk-files.ts";
import type { File } from "../../src/storage/files.ts";
import { contentOf, expectError, expectVarveError } from "./files-suite.ts";

type Done = (error: Error | null) => void;

/** Set by a test to take a call's place; undefined lets it through. */
const taken = vi.hoisted(() => ({
  write: undefined as undefined | ((length: number) => number),
  sync: undefined as undefined | ((done: Done) => void),
  syncNow: undefined as undefined | (() => void),
  syncFolder: undefined as undefined | ((done: Done) => void),
  syncFolderNow: undefined as undefined | (() => void),
  truncate: undefined as undefined | (() => void),
}));

vi.mock("node:fs", async (importActual) => {
  const fs = await importActual<typeof import("node:fs")>();
  return {
    ...fs,
    writeSync: (fd: number, from: Uint8Array, at: number, length: number, position: number) =>
      fs.writeSync(fd, from, at, taken.write?.(length) ?? length, position),
    fdatasync: (fd: number, done: Done) => (taken.sync ? taken.sync(done) : fs.fdatasync(fd, done)),
    fdatasyncSync: (fd: number) => (taken.syncNow ? taken.syncNow() : fs.fdatasyncSync(fd)),
    fsync: (fd: number, done: Done) => (taken.syncFolder ? taken.syncFolder(done) : fs.fsync(fd, done)),
    fsyncSync: (fd: number) => (taken.syncFolderNow ? taken.syncFolderNow() : fs.fsyncSync(fd)),
    ftruncateSync: (fd: number, size: number) => (taken.truncate ? taken.truncate() : fs.ftruncateSync(fd, size)),
  };
});

const failure = (code: string) =>
  Object.assign(new Error(`${code}: words of the system, call`), { code, syscall: "call" });
const fail = (code: string) => {
  throw failure(code);
};

let root: string;
let files: DiskFiles;
let file: File;
let path: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "varve-faults-"));
  files = new DiskFiles({ root, maxDescriptors: 1, native: null });
  path = `${root}/a`;
  file = files.open(path, "create");
});

afterEach(() => {
  for (const call of Object.keys(taken) as (keyof typeof taken)[]) taken[call] = undefined;
  rmSync(root, { recursive: true, force: true });
});

const write = (text: string, position = 0) => file.write(Buffer.from(text), 0, text.length, position);
/** Makes the only descriptor go to another file. */
const evict = () => files.open(`${root}/other`, "write").size();

describe("a short write", () => {
  it("goes on with the rest", () => {
    taken.write = (length) => Math.min(length, 3);
    write("0123456789", 5);
    expect(contentOf(file)).toBe("\0\0\0\0\x000123456789");
  });

  it("is a full disk when nothing more is taken", () => {
    let calls = 0;
    taken.write = () => (calls++ === 0 ? 4 : 0);
    expectError(() => write("0123456789"), "VARVE_NO_SPACE", path, "ENOSPC");
    expect(contentOf(file)).toBe("0123");
  });

  it("is a full disk when the rest fails so", () => {
    let calls = 0;
    taken.write = () => (calls++ === 0 ? 4 : fail("ENOSPC"));
    expectError(() => write("0123456789"), "VARVE_NO_SPACE", path, "ENOSPC");
  });
});

describe("an error of the system", () => {
  it.each<[string, ErrorCode]>([
    ["ENOSPC", "VARVE_NO_SPACE"],
    ["EDQUOT", "VARVE_NO_SPACE"],
    ["EIO", "VARVE_IO"],
    ["EMFILE", "VARVE_TOO_MANY_FILES"],
    ["ENFILE", "VARVE_TOO_MANY_FILES"],
    ["EFBIG", "VARVE_FILE_TOO_LARGE"],
    ["EROFS", "VARVE_ACCESS"],
    ["EACCES", "VARVE_ACCESS"],
    ["EPERM", "VARVE_ACCESS"],
    ["ELOOP", "VARVE_ACCESS"],
    ["ENXIO", "VARVE_IO"],
  ])("%s is %s", (errno, code) => {
    taken.write = () => fail(errno);
    expectError(() => write("x"), code, path, errno);
    taken.truncate = () => fail(errno);
    expectError(() => file.truncate(0), code, path, errno);
  });

  it("is told with operation, path and the system's words", () => {
    taken.write = () => fail("EIO");
    expect(() => write("x")).toThrow(`cannot write ${path}: EIO: words of the system`);
  });
});

describe("the native module's answer", () => {
  /** A module that answers so, whatever it is asked. */
  const answering = (count: number): File => {
    const answer = () => count;
    const native = { write: answer, writeSealed: answer, read: answer, readBatches: answer } as unknown as Native;
    return new DiskFiles({ root, native }).open(path, "write");
  };
  const bytes = new Uint8Array(100);
  const calls: [string, (file: File) => unknown][] = [
    ["write", (file) => file.write(bytes, 0, 100, 0)],
    ["writeSealed", (file) => file.writeSealed(bytes, 0, 100, 0)],
    ["read", (file) => file.read(bytes, 0, 100, 0)],
    ["readBatches", (file) => file.readBatches(bytes, 100, 0, new Int32Array(1))],
  ];

  it.each(calls)("of %s: a negative number is the system's error", (_, call) => {
    expectError(() => call(answering(-constants.errno.EIO)), "VARVE_IO", path, "EIO");
    expectError(() => call(answering(-constants.errno.EFBIG)), "VARVE_FILE_TOO_LARGE", path, "EFBIG");
    expect(() => call(answering(-constants.errno.ENOSPC))).toThrow(`${path}: ENOSPC: no space left on device`);
    expectError(() => call(answering(-987654)), "VARVE_IO", path);
  });

  it.each(calls.slice(0, 2))("of %s: a smaller count is a full disk", (_, call) => {
    expectError(() => call(answering(60)), "VARVE_NO_SPACE", path, "ENOSPC");
  });

  it.each(calls.slice(2))("of %s: a smaller count is the end of the file", (_, call) => {
    expect(call(answering(60))).toBe(60);
  });
});

describe("a failed sync", () => {
  it("fails every later one, without asking the system again", async () => {
    write("x");
    let calls = 0;
    taken.sync = (done) => {
      calls++;
      done(failure("EIO"));
    };
    expectVarveError(await file.sync().catch((error) => error), "VARVE_IO", path, "EIO");
    taken.sync = taken.syncNow = undefined;
    expectVarveError(await file.sync().catch((error) => error), "VARVE_IO", path, "EIO");
    expectError(() => file.syncNow(), "VARVE_IO", path, "EIO");
    expect(calls).toBe(1);
    expect(contentOf(file)).toBe("x");
    file.close();
  });

  it("fails those that wait behind it", async () => {
    let finish: Done = () => {};
    taken.sync = (done) => {
      finish = done;
    };
    const first = file.sync();
    write("x");
    const second = file.sync();
    finish(failure("EIO"));
    expect((await Promise.allSettled([first, second])).map((result) => result.status)).toEqual([
      "rejected",
      "rejected",
    ]);
  });

  it("at the loss of the descriptor is thrown by the next sync", async () => {
    write("x");
    taken.syncNow = () => fail("EIO");
    evict();
    taken.syncNow = undefined;
    expect(contentOf(file)).toBe("x");
    expectVarveError(await file.sync().catch((error) => error), "VARVE_IO", path, "EIO");
    expectError(() => file.syncNow(), "VARVE_IO", path, "EIO");
  });

  it("at the loss of the descriptor is thrown by close when no sync came", () => {
    write("x");
    taken.syncNow = () => fail("EIO");
    evict();
    expectError(() => file.close(), "VARVE_IO", path, "EIO");
    file.close();
  });

  it("of a folder is told", async () => {
    taken.syncFolderNow = () => fail("EIO");
    expectError(() => files.syncFolderNow(root), "VARVE_IO", root, "EIO");
    taken.syncFolder = (done) => done(failure("EIO"));
    expectVarveError(await files.syncFolder(root).catch((error) => error), "VARVE_IO", root, "EIO");
  });
});

describe("a sync", () => {
  it("is made before a descriptor with unsynced writes is closed, and only then", async () => {
    let calls = 0;
    taken.syncNow = () => {
      calls++;
    };
    evict();
    expect(calls).toBe(0);
    write("x");
    evict();
    expect(calls).toBe(1);
    file.size();
    evict();
    expect(calls).toBe(1);
    file.truncate(0);
    await file.sync();
    evict();
    expect(calls).toBe(1);
  });

  it("covers the writes before it: one running and one waiting are enough for all callers", async () => {
    const finish: Done[] = [];
    taken.sync = (done) => finish.push(done);
    const settled: string[] = [];
    const sync = (name: string) => file.sync().then(() => settled.push(name));
    write("a");
    const all = [sync("a"), sync("a, shared")];
    write("b", 1);
    all.push(sync("b"));
    write("c", 2);
    all.push(sync("c"));
    expect(finish).toHaveLength(1);
    finish[0](null);
    await all[1];
    expect(settled).toEqual(["a", "a, shared"]);
    expect(finish).toHaveLength(2);
    finish[1](null);
    await Promise.all(all);
    expect(finish).toHaveLength(2);
  });

  it("does not cover a write that came while it ran", async () => {
    let finish: Done = () => {};
    taken.sync = (done) => {
      finish = done;
    };
    write("a");
    const first = file.sync();
    write("b", 1);
    finish(null);
    await first;
    let synced = false;
    taken.syncNow = () => {
      synced = true;
    };
    evict();
    expect(synced).toBe(true);
  });
});
