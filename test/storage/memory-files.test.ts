import { describe, expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { contentOf, expectError, filesSuite, put } from "./files-suite.ts";

function inFolder() {
  const files = new MemoryFiles();
  files.makeFolder("/data");
  return { files, root: "/data" };
}

filesSuite("memory files", inFolder);

filesSuite("memory files without the native module", () => {
  const files = new MemoryFiles({ native: null });
  files.makeFolder("/data");
  return { files, root: "/data" };
});

filesSuite("memory files that allocate", () => {
  const files = new MemoryFiles({ allocates: true });
  files.makeFolder("/data");
  return { files, root: "/data" };
});

filesSuite("a clone of memory files", () => {
  const { files, root } = inFolder();
  return { files: files.clone(), root };
});

describe("memory files", () => {
  it("clones share nothing that is written afterwards, on either side", () => {
    const files = new MemoryFiles();
    put(files, "/a", "before");
    files.link("/a", "/b");
    const copy = files.clone();
    put(files, "/a", "mine");
    put(copy, "/a", "copied");
    put(copy, "/c", "new");
    expect(Buffer.from(files.read("/b")!).toString()).toBe("mine");
    expect(Buffer.from(copy.read("/b")!).toString()).toBe("copied");
    expect(files.list("/")).toEqual(["a", "b"]);
    const third = copy.clone();
    third.open("/a", "write").truncate(2);
    expect(Buffer.from(third.read("/b")!).toString()).toBe("co");
    expect(Buffer.from(copy.read("/a")!).toString()).toBe("copied");
  });

  it("clones do not see what is written in place, on either side", () => {
    const files = new MemoryFiles();
    put(files, "/a", "0123");
    const original = files.open("/a", "write");
    const copy = files.clone().open("/a", "write");
    original.write(Buffer.from("x"), 0, 1, 0);
    copy.write(Buffer.from("y"), 0, 1, 3);
    expect([contentOf(original), contentOf(copy)]).toEqual(["x123", "012y"]);
  });

  it("does not find bytes again that a clone cut off", () => {
    const files = new MemoryFiles();
    put(files, "/a", "0123456789");
    const copy = files.clone().open("/a", "write");
    copy.truncate(3);
    copy.truncate(6);
    expect(contentOf(copy)).toBe("012\0\0\0");
    expect(contentOf(files.open("/a", "read"))).toBe("0123456789");
  });

  it("keeps a removed file readable for who has it open", () => {
    const files = new MemoryFiles();
    put(files, "/a", "still here");
    const file = files.open("/a", "write");
    files.remove("/a");
    expect(contentOf(file)).toBe("still here");
    expect(files.usedBytes).toBe(0);
    file.write(new Uint8Array(100), 0, 100, 0);
    expect(files.usedBytes).toBe(0);
  });

  it("is full at its capacity: a part of the write stays, and there is room again after a cut", () => {
    const files = new MemoryFiles({ capacity: 10 });
    put(files, "/a", "12345");
    const file = files.open("/b", "create");
    expectError(() => file.write(Buffer.from("abcdefgh"), 0, 8, 0), "VARVE_NO_SPACE", "/b", "ENOSPC");
    expect(contentOf(file)).toBe("abcde");
    expect(files.usedBytes).toBe(10);
    file.write(Buffer.from("ABC"), 0, 3, 0);
    expectError(() => file.truncate(6), "VARVE_NO_SPACE", "/b", "ENOSPC");
    expect(files.usedBytes).toBe(10);
    file.truncate(0);
    expectError(() => file.write(Buffer.from("x"), 0, 1, 7), "VARVE_NO_SPACE", "/b", "ENOSPC");
    expect(files.usedBytes).toBe(5);
    files.remove("/a");
    file.write(Buffer.from("0123456789"), 0, 10, 0);
    expect(contentOf(file)).toBe("0123456789");
    expect(files.clone().usedBytes).toBe(10);
  });

  it("takes the time of modification from its clock", () => {
    let now = 1000;
    const files = new MemoryFiles({ clock: { now: () => now } });
    put(files, "/a", "x");
    now = 2000;
    expect(files.stat("/a")?.modifiedMs).toBe(1000);
    put(files, "/a", "y");
    expect(files.stat("/a")?.modifiedMs).toBe(2000);
  });
});
