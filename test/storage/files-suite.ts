/** What every implementation of Files promises. Run by disk-files.test.ts, memory-files.test.ts and others. */
import { describe, expect, it } from "vitest";
import { type ErrorCode, VarveError } from "../../src/errors.ts";
import { batchProblem } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import type { File, Files } from "../../src/storage/files.ts";
import { join } from "../../src/storage/paths.ts";
import { replaceFile } from "../../src/storage/replace-file.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined) => data && new TextDecoder().decode(data);

/** Expects a coded error that names the path and, where given, the system's code as its cause. */
export function expectError(call: () => unknown, code: ErrorCode, file: string, cause?: string): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  expectVarveError(thrown, code, file, cause);
}

export function expectVarveError(thrown: unknown, code: ErrorCode, file: string, cause?: string): void {
  expect(thrown).toBeInstanceOf(VarveError);
  const error = thrown as VarveError;
  expect({ code: error.code, file: error.file }).toEqual({ code, file });
  expect(error.message).toContain(file);
  if (cause) expect((error.cause as NodeJS.ErrnoException).code).toBe(cause);
}

export function put(files: Files, path: string, content: string): void {
  const file = files.open(path, "write");
  file.truncate(0);
  file.write(bytes(content), 0, content.length, 0);
  file.close();
}

export function contentOf(file: File): string {
  const into = new Uint8Array(file.size() + 10);
  return new TextDecoder().decode(into.subarray(0, file.read(into, 0, into.length, 0)));
}

/** Twenty records, as an append gets them. */
function batchWithoutChecksum(): Uint8Array {
  const builder = new BatchBuilder();
  for (let i = 0; i < 20; i++) builder.append(`k${i}`, "v".repeat(30), undefined, 1000 + i);
  const { bytes: scratch, end } = builder.seal({ checksum: false });
  return scratch.slice(0, end);
}

export function filesSuite(name: string, make: () => { files: Files; root: string }): void {
  describe(name, () => {
    it("makes room in advance, or says that it cannot and changes nothing", () => {
      const { files, root } = make();
      const path = join(root, "a");
      const batch = batchWithoutChecksum();
      const file = files.open(path, "create");
      file.write(bytes("hello"), 0, 5, 0);
      const size = file.allocate(3 * batch.length) ? 3 * batch.length : 5;
      expect(file.size()).toBe(size);
      file.allocate(2);
      expect(file.size()).toBe(size);
      const content = () => files.read(path)!;
      expect(
        content()
          .subarray(5)
          .every((byte) => byte === 0),
      ).toBe(true);
      // Inside of the room, across its end, and behind it; by one descriptor that others want, too.
      for (const position of [5, 2.5 * batch.length, 4 * batch.length].map(Math.floor)) {
        file.writeSealed(batch, 0, batch.length, position);
        expect(batchProblem(content(), position, position + batch.length)).toBeUndefined();
        files.open(join(root, "b"), "write").size();
      }
      expect(text(content().subarray(0, 5))).toBe("hello");
      file.truncate(7);
      file.writeSealed(batch, 0, batch.length, 8);
      expect([content().length, content()[7]]).toEqual([8 + batch.length, 0]);
      expect(batchProblem(content(), 8, 8 + batch.length)).toBeUndefined();
      file.close();
      expectError(() => file.allocate(1_000_000), "VARVE_CLOSED", path);
      const reader = files.open(path, "read");
      expectError(() => reader.allocate(1_000_000), "VARVE_ACCESS", path);
      reader.close();
    });

    it("reads back what was written, at any position", () => {
      const { files, root } = make();
      const file = files.open(join(root, "a"), "create");
      file.write(bytes("xxhello worldxx"), 2, 11, 0);
      file.write(bytes("W"), 0, 1, 6);
      expect(contentOf(file)).toBe("hello World");
      expect(file.size()).toBe(11);
      const into = new Uint8Array(10).fill(46);
      expect(file.read(into, 3, 5, 6)).toBe(5);
      expect(text(into)).toBe("...World..");
      file.close();
      expect(text(files.read(join(root, "a")))).toBe("hello World");
    });

    it("reads fewer bytes only at the end", () => {
      const { files, root } = make();
      put(files, join(root, "a"), "abc");
      const file = files.open(join(root, "a"), "read");
      const into = new Uint8Array(8);
      expect(file.read(into, 0, 8, 1)).toBe(2);
      expect(file.read(into, 0, 8, 3)).toBe(0);
      expect(file.read(into, 0, 8, 100)).toBe(0);
      expect(file.read(into, 0, 0, 0)).toBe(0);
      file.close();
    });

    it("seals a batch as it writes it, and says of a run of batches how far it is good", () => {
      const { files, root } = make();
      const path = join(root, "a");
      const file = files.open(path, "create");
      const batch = batchWithoutChecksum();
      const around = new Uint8Array(batch.length + 20);
      around.set(batch, 10);
      const size = batch.length;
      file.writeSealed(around, 10, size, 0);
      file.writeSealed(around, 10, size, size);
      expect(batchProblem(around, 10, 10 + size)).toBeUndefined();
      expect(
        Buffer.compare(
          files.read(path)!,
          Buffer.concat([around.subarray(10, 10 + size), around.subarray(10, 10 + size)]),
        ),
      ).toBe(0);

      const into = new Uint8Array(size * 3);
      const verdict = new Int32Array([-1]);
      const known = (length: number) => (files.native ? length : 0);
      expect(file.readBatches(into, into.length, 0, verdict)).toBe(size * 2);
      expect(verdict[0]).toBe(known(size * 2));
      expect(Buffer.compare(into.subarray(size, size * 2), around.subarray(10, 10 + size))).toBe(0);
      expect(file.readBatches(into, size * 2 - 1, 0, verdict)).toBe(size * 2 - 1);
      expect(verdict[0]).toBe(known(size));
      expect(file.readBatches(into, size, 5, verdict)).toBe(size);
      expect(verdict[0]).toBe(0);
      expect(file.readBatches(into, size, size * 2, verdict)).toBe(0);
      expect(verdict[0]).toBe(0);
      file.write(Uint8Array.of(around[10 + size - 1] ^ 1), 0, 1, size * 2 - 1);
      file.readBatches(into, into.length, 0, verdict);
      expect(verdict[0]).toBe(known(size));
      file.close();
      expectError(() => file.readBatches(into, 1, 0, verdict), "VARVE_CLOSED", path);
      expectError(() => file.writeSealed(around, 10, size, 0), "VARVE_CLOSED", path);
      const reader = files.open(path, "read");
      expectError(() => reader.writeSealed(around, 10, size, 0), "VARVE_ACCESS", path);
      reader.close();
    });

    it("fills a hole with zeros, also where bytes were cut off before", () => {
      const { files, root } = make();
      const file = files.open(join(root, "a"), "create");
      file.write(bytes("0123456789"), 0, 10, 0);
      file.truncate(4);
      expect(file.size()).toBe(4);
      file.write(bytes("x"), 0, 1, 12);
      expect(contentOf(file)).toBe("0123\0\0\0\0\0\0\0\0x");
      file.truncate(15);
      expect(contentOf(file)).toBe("0123\0\0\0\0\0\0\0\0x\0\0");
      file.write(bytes("never"), 0, 0, 99);
      expect(file.size()).toBe(15);
      file.close();
    });

    it("holds large files, and holes in them", () => {
      const { files, root } = make();
      const file = files.open(join(root, "a"), "create");
      const block = new Uint8Array(700_000).map((_, i) => i % 251);
      file.write(block, 0, block.length, 300_000);
      file.write(block, 0, block.length, 2_000_000);
      const all = new Uint8Array(2_700_000);
      expect(file.read(all, 0, all.length, 0)).toBe(all.length);
      const expected = new Uint8Array(2_700_000);
      expected.set(block, 300_000);
      expected.set(block, 2_000_000);
      expect(Buffer.compare(all, expected)).toBe(0);
      file.truncate(1_000_000 - 1);
      file.truncate(1_500_000);
      expected.fill(0, 1_000_000 - 1);
      expect(file.read(all, 0, all.length, 0)).toBe(1_500_000);
      expect(Buffer.compare(all.subarray(0, 1_500_000), expected.subarray(0, 1_500_000))).toBe(0);
      file.close();
    });

    it("opens by mode", () => {
      const { files, root } = make();
      const path = join(root, "a");
      expectError(() => files.open(path, "read"), "VARVE_IO", path, "ENOENT");
      files.open(path, "write").close();
      expect(files.stat(path)).toMatchObject({ kind: "file", size: 0 });
      expectError(() => files.open(path, "create"), "VARVE_IO", path, "EEXIST");
      put(files, path, "kept");
      const again = files.open(path, "write");
      expect(contentOf(again)).toBe("kept");
      again.close();
      const reader = files.open(path, "read");
      expectError(() => reader.write(bytes("x"), 0, 1, 0), "VARVE_ACCESS", path);
      expectError(() => reader.truncate(0), "VARVE_ACCESS", path);
      reader.close();
      expect(text(files.read(path))).toBe("kept");
    });

    it("refuses folders as files, files as folders, and folders that are missing", () => {
      const { files, root } = make();
      const folder = join(root, "f");
      const file = join(root, "a");
      files.makeFolder(folder);
      put(files, file, "x");
      expectError(() => files.open(folder, "write"), "VARVE_IO", folder, "EISDIR");
      expectError(() => files.open(folder, "read"), "VARVE_IO", folder, "EISDIR");
      expectError(() => files.read(folder), "VARVE_IO", folder, "EISDIR");
      expectError(() => files.open(join(root, "no", "a"), "write"), "VARVE_IO", join(root, "no", "a"), "ENOENT");
      expectError(() => files.open(join(file, "a"), "write"), "VARVE_IO", join(file, "a"), "ENOTDIR");
      expectError(() => files.makeFolder(file), "VARVE_IO", file, "EEXIST");
      expectError(() => files.removeFolder(file), "VARVE_IO", file, "ENOTDIR");
      expect(() => files.remove(folder)).toThrow(VarveError);
      expect(files.list(file)).toBeUndefined();
      expect(files.stat(join(file, "a"))).toBeUndefined();
      expect(files.stat(folder)?.kind).toBe("folder");
    });

    it("refuses a name of more than 255 bytes", () => {
      const { files, root } = make();
      const path = join(root, "n".repeat(256));
      expectError(() => files.open(path, "create"), "VARVE_IO", path, "ENAMETOOLONG");
      files.open(join(root, "n".repeat(255)), "create").close();
    });

    it("lists names in order, and nothing for a folder that is missing", () => {
      const { files, root } = make();
      files.makeFolder(join(root, "f", "g", "h"));
      for (const name of ["b", "a", "B", "10", "9"]) put(files, join(root, "f", name), "");
      expect(files.list(join(root, "f"))).toEqual(["10", "9", "B", "a", "b", "g"]);
      expect(files.list(join(root, "f", "g", "h"))).toEqual([]);
      expect(files.list(join(root, "no"))).toBeUndefined();
      expect(files.stat(join(root, "no"))).toBeUndefined();
      expect(files.read(join(root, "no"))).toBeUndefined();
      files.makeFolder(join(root, "f", "g"));
      expect(files.list(join(root, "f", "g"))).toEqual(["h"]);
    });

    it("renames over what is there", () => {
      const { files, root } = make();
      const [a, b] = [join(root, "a"), join(root, "b")];
      put(files, a, "new");
      put(files, b, "old");
      files.rename(a, b);
      expect(files.list(root)).toEqual(["b"]);
      expect(text(files.read(b))).toBe("new");
      files.rename(b, b);
      expect(text(files.read(b))).toBe("new");
      expectError(() => files.rename(a, b), "VARVE_IO", a, "ENOENT");
    });

    it("renames folders, but not over a full one or into itself", () => {
      const { files, root } = make();
      const [f, g] = [join(root, "f"), join(root, "g")];
      files.makeFolder(join(f, "below"));
      files.makeFolder(g);
      put(files, join(f, "below", "a"), "x");
      files.rename(f, g);
      expect(files.list(root)).toEqual(["g"]);
      expect(text(files.read(join(g, "below", "a")))).toBe("x");
      files.makeFolder(f);
      expectError(() => files.rename(f, g), "VARVE_IO", f, "ENOTEMPTY");
      expectError(() => files.rename(g, join(g, "in")), "VARVE_IO", g, "EINVAL");
      put(files, join(root, "a"), "");
      expectError(() => files.rename(join(root, "a"), f), "VARVE_IO", join(root, "a"), "EISDIR");
      expectError(() => files.rename(f, join(root, "a")), "VARVE_IO", f, "ENOTDIR");
    });

    it("links: one content, two names", () => {
      const { files, root } = make();
      const [a, b] = [join(root, "a"), join(root, "b")];
      put(files, a, "one");
      expect(files.link(a, b)).toBe(true);
      expect(files.link(a, b)).toBe(false);
      put(files, b, "two");
      expect(text(files.read(a))).toBe("two");
      files.rename(a, b);
      expect(files.list(root)).toEqual(["a", "b"]);
      files.remove(a);
      expect(text(files.read(b))).toBe("two");
      expectError(() => files.link(a, join(root, "c")), "VARVE_IO", a, "ENOENT");
    });

    it("removes files and folders, missing ones without a word", () => {
      const { files, root } = make();
      files.makeFolder(join(root, "f", "g"));
      put(files, join(root, "f", "g", "a"), "x");
      put(files, join(root, "b"), "x");
      files.remove(join(root, "b"));
      files.remove(join(root, "b"));
      files.remove(join(root, "no", "b"));
      expect(files.list(root)).toEqual(["f"]);
      files.removeFolder(join(root, "f"));
      files.removeFolder(join(root, "f"));
      expect(files.list(root)).toEqual([]);
    });

    it("syncs files and folders", async () => {
      const { files, root } = make();
      const file = files.open(join(root, "a"), "create");
      file.write(bytes("x"), 0, 1, 0);
      const first = file.sync();
      file.write(bytes("y"), 0, 1, 1);
      await Promise.all([first, file.sync(), file.sync()]);
      file.syncNow();
      file.close();
      await files.syncFolder(root);
      files.syncFolderNow(root);
      const missing = join(root, "no");
      expectVarveError(await files.syncFolder(missing).catch((error) => error), "VARVE_IO", missing, "ENOENT");
      expectError(() => files.syncFolderNow(missing), "VARVE_IO", missing, "ENOENT");
    });

    it("refuses a closed file", async () => {
      const { files, root } = make();
      const path = join(root, "a");
      const file = files.open(path, "create");
      file.close();
      file.close();
      expectError(() => file.size(), "VARVE_CLOSED", path);
      expectError(() => file.read(new Uint8Array(1), 0, 1, 0), "VARVE_CLOSED", path);
      expectError(() => file.write(new Uint8Array(1), 0, 1, 0), "VARVE_CLOSED", path);
      expectError(() => file.truncate(0), "VARVE_CLOSED", path);
      expectError(() => file.syncNow(), "VARVE_CLOSED", path);
      expectVarveError(await file.sync().catch((error) => error), "VARVE_CLOSED", path);
    });

    it("replaces a file as a whole, also over a leftover and by two callers at once", async () => {
      const { files, root } = make();
      const path = join(root, "a");
      put(files, `${path}.tmp`, "a leftover that is longer than the new content");
      await replaceFile(files, path, bytes("first"));
      expect(text(files.read(path))).toBe("first");
      await Promise.all(["second", "3rd", "the fourth"].map((content) => replaceFile(files, path, bytes(content))));
      expect(text(files.read(path))).toBe("the fourth");
      expect(files.list(root)).toEqual(["a"]);
      const lost = join(root, "no", "a");
      await expect(replaceFile(files, lost, bytes("x"))).rejects.toThrow(VarveError);
    });
  });
}
