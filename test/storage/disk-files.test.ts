import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open as openInPromise } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { batchProblem } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { loadNative, type Native } from "../../src/native.ts";
import { DiskFiles } from "../../src/storage/disk-files.ts";
import { contentOf, expectError, filesSuite, put } from "./files-suite.ts";

const linux = process.platform === "linux";
const unix = process.platform !== "win32";
const folders: string[] = [];
const { native } = loadNative();
const { ENOSPC } = constants.errno;

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "varve-files-"));
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

filesSuite("disk files", () => {
  const root = freshFolder();
  return { files: new DiskFiles({ root }), root };
});

filesSuite("disk files without the native module", () => {
  const root = freshFolder();
  return { files: new DiskFiles({ root, native: null }), root };
});

filesSuite("disk files with one descriptor", () => ({
  files: new DiskFiles({ maxDescriptors: 1 }),
  root: freshFolder(),
}));

/** The descriptors of this process that lead below a folder. */
function openBelow(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      return target.startsWith(`${folder}/`) ? [target.slice(folder.length + 1)] : [];
    } catch {
      return [];
    }
  });
}

/** Sets this process's limit just above what it has open; returns the call that sets it back. */
function limitDescriptors(): () => void {
  const run = (value: string) => execFileSync("prlimit", ["--pid", String(process.pid), `--nofile=${value}`]);
  const output = execFileSync("prlimit", ["--pid", String(process.pid), "--nofile", "--output=SOFT", "--noheadings"]);
  const highest = Math.max(...readdirSync("/proc/self/fd").map(Number));
  run(`${highest + 8}:`);
  return () => run(`${output.toString().trim()}:`);
}

function takeAllDescriptors(path: string): number[] {
  const taken: number[] = [];
  for (;;) {
    try {
      taken.push(openSync(path, "r"));
    } catch {
      return taken;
    }
  }
}

/** Keeps all threads that Node has for files busy, so that what is asked of them waits; returns the call that lets them go on. */
function occupyThreads(folder: string): () => Promise<void> {
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
  const pipes = Array.from({ length: threads }, (_, i) => join(folder, `pipe${i}`));
  execFileSync("mkfifo", pipes);
  // Which opens for reading once somebody has it open for writing.
  const readers = pipes.map((pipe) => openInPromise(pipe, "r"));
  return async () => {
    const writers = pipes.map((pipe) => openSync(pipe, "r+"));
    for (const reader of readers) await (await reader).close();
    for (const writer of writers) closeSync(writer);
  };
}

describe.runIf(linux && native)("room in advance", () => {
  const open = (calls: Partial<Native>) => {
    const path = `${freshFolder()}/a`;
    const files = new DiskFiles({ native: { ...native!, ...calls } });
    return { path, file: files.open(path, "create") };
  };

  it("has blocks", () => {
    const { path, file } = open({});
    expect(file.allocate(1_000_000)).toBe(true);
    expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(1_000_000);
    file.close();
  });

  it("is given back when it cannot be had as a whole", () => {
    const { path, file } = open({
      allocate(descriptor, from, to) {
        native!.allocate!(descriptor, from, from + (to - from) / 2);
        return -ENOSPC;
      },
    });
    file.write(Buffer.from("hello"), 0, 5, 0);
    expect(file.allocate(1_000_000)).toBe(false);
    expect(contentOf(file)).toBe("hello");
    expect(statSync(path).size).toBe(5);
    file.close();
  });

  it.each<[string, Partial<Native>, number]>([
    ["small batches are copied into it", {}, 0],
    ["without a map they are written", { map: () => -ENOSPC }, 2],
    ["when the map is gone they are written", { copySealed: () => false }, 2],
  ])("%s", (_, calls, writes) => {
    let written = 0;
    const writeSealed: Native["writeSealed"] = (...range) => {
      written++;
      return native!.writeSealed!(...range);
    };
    const { path, file } = open({ writeSealed, ...calls });
    const builder = new BatchBuilder();
    builder.append("k", "v", undefined, 0);
    const { bytes, end } = builder.seal({ checksum: false });
    expect(file.allocate(10_000)).toBe(true);
    for (const position of [0, end]) file.writeSealed(bytes, 0, end, position);
    expect(written).toBe(writes);
    const content = readFileSync(path);
    for (const position of [0, end]) expect(batchProblem(content, position, position + end)).toBeUndefined();
    expect(content.length).toBe(10_000);
    // Behind the room, and where a large one would be, the system's own write is asked.
    file.writeSealed(bytes, 0, end, 10_000 - end + 1);
    expect(written).toBe(writes + 1);
    file.close();
  });
});

describe("disk files", () => {
  it.runIf(unix)("are private: files 0600, folders 0700", () => {
    const root = freshFolder();
    const files = new DiskFiles({ root });
    const before = process.umask(0);
    try {
      files.makeFolder(`${root}/f/g`);
      files.open(`${root}/f/g/a`, "create").close();
      files.open(`${root}/f/g/b`, "write").close();
    } finally {
      process.umask(before);
    }
    const modes = ["f", "f/g", "f/g/a", "f/g/b"].map((name) => statSync(`${root}/${name}`).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o600, 0o600]);
  });

  it.runIf(linux)("say so where no folder can be made", () => {
    const files = new DiskFiles();
    expectError(() => files.makeFolder("/proc/varve/data"), "VARVE_IO", "/proc/varve/data", "ENOENT");
    const root = freshFolder();
    symlinkSync("nowhere", `${root}/link`);
    expectError(() => files.makeFolder(`${root}/link`), "VARVE_IO", `${root}/link`, "EEXIST");
  });

  it.runIf(linux)("free the blocks of large files off the event loop, of so many at once", async () => {
    const root = freshFolder();
    const files = new DiskFiles({ root });
    files.makeFolder(`${root}/f`);
    const large = (name: string) => {
      const file = files.open(`${root}/${name}`, "create");
      file.truncate(1024 * 1024);
      file.close();
      return file.path;
    };
    const goOn = occupyThreads(freshFolder());
    try {
      put(files, `${root}/small`, "x");
      files.remove(`${root}/small`);
      symlinkSync(large("target"), `${root}/link`);
      files.remove(`${root}/link`);
      expect(openBelow(root)).toEqual([]);
      files.remove(`${root}/target`);
      expect(files.list(root)).toEqual(["f"]);
      expect(openBelow(root)).toEqual(["target (deleted)"]);
      large("f/a");
      files.removeFolder(`${root}/f`);
      expect(files.list(root)).toEqual([]);
      expect(openBelow(root)).toHaveLength(2);
      for (let i = 0; i < 40; i++) files.remove(large(`many${i}`));
      expect(files.list(root)).toEqual([]);
      expect(openBelow(root)).toHaveLength(32);
    } finally {
      await goOn();
    }
    await expect.poll(() => openBelow(root)).toEqual([]);
  });

  it.runIf(unix)("follow no link below the root", async () => {
    const outside = freshFolder();
    const root = freshFolder();
    writeFileSync(`${outside}/secret`, "secret");
    symlinkSync(`${outside}/secret`, `${root}/file`);
    symlinkSync(`${outside}/none`, `${root}/dangling`);
    symlinkSync(outside, `${root}/folder`);
    const files = new DiskFiles({ root });
    for (const name of ["file", "dangling"]) {
      const path = `${root}/${name}`;
      expect(files.stat(path)?.kind).toBe("link");
      for (const mode of ["read", "write"] as const) {
        expectError(() => files.open(path, mode), "VARVE_ACCESS", path, "ELOOP");
      }
      expectError(() => files.read(path), "VARVE_ACCESS", path, "ELOOP");
    }
    const folder = `${root}/folder`;
    const below = `${folder}/secret`;
    const refused = [
      () => files.open(below, "write"),
      () => files.open(`${folder}/new`, "create"),
      () => files.read(below),
      () => files.stat(below),
      () => files.list(folder),
      () => files.makeFolder(`${folder}/new`),
      () => files.remove(below),
      () => files.rename(below, `${root}/taken`),
      () => files.link(below, `${root}/taken`),
      () => files.removeFolder(`${folder}/`),
    ];
    for (const call of refused) expectError(call, "VARVE_ACCESS", folder, "ELOOP");
    await expect(files.syncFolder(folder)).rejects.toMatchObject({ code: "VARVE_ACCESS" });
    expect(readdirSync(outside)).toEqual(["secret"]);
  });

  it.runIf(unix)("do not follow a link that took the place of an open file", () => {
    const root = freshFolder();
    const files = new DiskFiles({ root, maxDescriptors: 1 });
    put(files, `${root}/a`, "a");
    const file = files.open(`${root}/a`, "read");
    renameSync(`${root}/a`, `${root}/b`);
    symlinkSync(`${root}/b`, `${root}/a`);
    expectError(() => file.size(), "VARVE_ACCESS", `${root}/a`, "ELOOP");
  });

  it.runIf(unix)("allow a root that is a link itself", () => {
    const real = freshFolder();
    const root = `${freshFolder()}/link`;
    symlinkSync(real, root);
    const files = new DiskFiles({ root: `${root}/` });
    files.makeFolder(`${root}/f`);
    put(files, `${root}/f/a`, "x");
    expect(files.list(root)).toEqual(["f"]);
  });

  it.runIf(linux)("do not open a pipe, which would block", () => {
    const root = freshFolder();
    execFileSync("mkfifo", [`${root}/pipe`]);
    const files = new DiskFiles({ root });
    expectError(() => files.open(`${root}/pipe`, "read"), "VARVE_IO", `${root}/pipe`, "ENXIO");
    expectError(() => files.read(`${root}/pipe`), "VARVE_IO", `${root}/pipe`, "ENXIO");
  });

  it.runIf(unix && process.getuid?.() !== 0)("say when access is refused", () => {
    const root = freshFolder();
    mkdirSync(`${root}/f`);
    chmodSync(`${root}/f`, 0o500);
    expectError(() => new DiskFiles().open(`${root}/f/a`, "create"), "VARVE_ACCESS", `${root}/f/a`, "EACCES");
  });
});

describe("the descriptors of disk files", () => {
  it("stay within the bound, whatever is open, and every file works", () => {
    const root = freshFolder();
    const files = new DiskFiles({ root, maxDescriptors: 4 });
    const open = Array.from({ length: 40 }, (_, i) => files.open(`${root}/${i}`, "create"));
    for (let round = 0; round < 3; round++) {
      for (const [i, file] of open.entries()) {
        file.write(Buffer.from(`${i};`.padEnd(4)), 0, 4, round * 4);
        expect(files.descriptorCount).toBeLessThanOrEqual(4);
      }
    }
    for (const [i, file] of open.entries()) expect(contentOf(file)).toBe(`${i};`.padEnd(4).repeat(3));
    for (const file of open) file.close();
    expect(files.descriptorCount).toBe(0);
    if (linux) expect(openBelow(root)).toEqual([]);
  });

  it.runIf(linux)("are opened on first use, and the least recently used clean one goes first", () => {
    const root = freshFolder();
    const files = new DiskFiles({ root, maxDescriptors: 3 });
    for (const name of ["a", "b", "c", "d", "e"]) put(files, `${root}/${name}`, name);
    const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((name) => files.open(`${root}/${name}`, "write"));
    expect(openBelow(root)).toEqual([]);
    for (const file of [a, b, c, a]) file.size();
    d.size();
    expect(openBelow(root).sort()).toEqual(["a", "c", "d"]);
    a.write(Buffer.from("x"), 0, 1, 0);
    c.size();
    d.size();
    e.size();
    b.size();
    expect(openBelow(root).sort()).toEqual(["a", "b", "e"]);
  });

  it("a file that another one replaced meanwhile is not touched", () => {
    const root = freshFolder();
    const files = new DiskFiles({ root, maxDescriptors: 1 });
    const file = files.open(`${root}/a`, "create");
    files.open(`${root}/b`, "create").size();
    renameSync(`${root}/b`, `${root}/a`);
    expectError(() => file.write(Buffer.from("x"), 0, 1, 0), "VARVE_IO", `${root}/a`, "ESTALE");
    rmSync(`${root}/a`);
    expectError(() => file.write(Buffer.from("x"), 0, 1, 0), "VARVE_IO", `${root}/a`, "ENOENT");
    expect(files.list(root)).toEqual([]);
  });

  it("stay open under a running sync, past the bound if need be", async () => {
    const root = freshFolder();
    const files = new DiskFiles({ root, maxDescriptors: 2 });
    const open = Array.from({ length: 6 }, (_, i) => files.open(`${root}/${i}`, "create"));
    const syncs = open.map((file) => {
      file.write(Buffer.from("x"), 0, 1, 0);
      return file.sync();
    });
    expect(files.descriptorCount).toBe(6);
    for (const file of open) file.close();
    expect(files.descriptorCount).toBe(6);
    await Promise.all(syncs);
    expect(files.descriptorCount).toBe(0);
  });

  it("are few, however many files are synced at once", async () => {
    const root = freshFolder();
    const files = new DiskFiles({ root, maxDescriptors: 4 });
    const open = Array.from({ length: 100 }, (_, i) => files.open(`${root}/${i}`, "create"));
    const write = () => open.map((file) => file.write(Buffer.from("x"), 0, 1, 0));
    write();
    const first = open.map((file) => file.sync());
    expect(files.descriptorCount).toBeLessThanOrEqual(20);
    // Some of these write to files that wait for their turn, and some to files that are being synced.
    write();
    const second = open.map((file) => file.sync());
    for (const file of open.slice(50)) file.close();
    expect(files.descriptorCount).toBeLessThanOrEqual(20);
    await Promise.all([...first, ...second]);
    expect(files.descriptorCount).toBeLessThanOrEqual(4);
    for (const file of open) file.close();
    expect(files.descriptorCount).toBe(0);
  });

  it.runIf(linux)("are not opened for a sync that was made when they were taken away", async () => {
    const root = freshFolder();
    const files = new DiskFiles({ root, maxDescriptors: 1 });
    const [a, b] = ["a", "b"].map((name) => files.open(`${root}/${name}`, "create"));
    a.write(Buffer.from("x"), 0, 1, 0);
    b.size();
    await a.sync();
    expect(openBelow(root)).toEqual(["b"]);
    // What was never synced may hold what an earlier process has written.
    const again = files.open(`${root}/a`, "write");
    await again.sync();
    expect(openBelow(root)).toEqual(["a"]);
  });

  it("a sync that was asked for before close still happens", async () => {
    const root = freshFolder();
    const file = new DiskFiles({ root }).open(`${root}/a`, "create");
    const first = file.sync();
    file.write(Buffer.from("x"), 0, 1, 0);
    const second = file.sync();
    expect(second).not.toBe(first);
    expect(file.sync()).toBe(second);
    file.close();
    await Promise.all([first, second]);
  });

  it.runIf(linux)("make room when the system has none left", async () => {
    const root = freshFolder();
    const files = new DiskFiles({ root });
    const open = Array.from({ length: 30 }, (_, i) => files.open(`${root}/${i}`, "create"));
    const restore = limitDescriptors();
    const taken = takeAllDescriptors(`${root}/0`);
    try {
      const more = Array.from({ length: 20 }, (_, i) => files.open(`${root}/more${i}`, "create"));
      for (const file of [...open, ...more]) file.write(Buffer.from("x"), 0, 1, 0);
      expect(files.read(`${root}/3`)).toHaveLength(1);
      expect(files.list(root)).toHaveLength(50);
      await files.syncFolder(root);
      for (const file of [...open, ...more]) file.close();
      taken.push(...takeAllDescriptors(`${root}/0`));
      expectError(() => files.open(`${root}/3`, "read").size(), "VARVE_TOO_MANY_FILES", `${root}/3`, "EMFILE");
    } finally {
      for (const descriptor of taken) closeSync(descriptor);
      restore();
    }
    expect(contentOf(files.open(`${root}/3`, "read"))).toBe("x");
  });
});
