/** The crash model itself: small journals whose images are known. */
import { beforeEach, describe, expect, it } from "vitest";
import type { File } from "../../src/storage/files.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join } from "../../src/storage/paths.ts";
import { replaceFile } from "../../src/storage/replace-file.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { put } from "../storage/files-suite.ts";
import { CrashImages, crashPoints } from "./images.ts";
import { RecordingFiles } from "./recorder.ts";

let files: RecordingFiles;

beforeEach(() => {
  files = new RecordingFiles({ clock: new TestClock() });
});

/** "a=content f/ f/b=content", with "." for a zero byte. */
function told(image: MemoryFiles, folder = "/"): string {
  return image
    .list(folder)!
    .map((name) => {
      const path = join(folder, name);
      if (image.stat(path)?.kind === "folder") return `${path.slice(1)}/ ${told(image, path)}`.trim();
      return `${path.slice(1)}=${Buffer.from(image.read(path)!).toString().replaceAll("\0", ".")}`;
    })
    .join(" ");
}

/** Variant → image at the end of the journal, without the random ones. */
function imagesNow(point = files.journal.entries.length): Record<string, string> {
  const images = new CrashImages(files.journal, 1, 0);
  images.advanceTo(point);
  return Object.fromEntries(images.variants().map((variant) => [variant, told(images.image(variant).files)]));
}

const write = (file: File, text: string, position: number) => file.write(Buffer.from(text), 0, text.length, position);

/** A file "a" with that content, all of it durable. */
async function durableFile(content: string): Promise<File> {
  const file = files.open("/a", "create");
  write(file, content, 0);
  await file.sync();
  await files.syncFolder("/");
  return file;
}

describe("a crash image", () => {
  it("of a new file, never synced", () => {
    put(files, "/a", "AB");
    // Unsynced: 0 create, 1 truncate, 2 write.
    expect(imagesNow()).toEqual({
      process: "a=AB",
      "process-cut": "a=A",
      nothing: "",
      everything: "a=AB",
      names: "a=",
      content: "",
      "prefix:1": "a=",
      "prefix:2": "a=",
      "drop:0": "",
      "drop:1": "a=AB",
      "drop:2": "a=",
      "zeros:2": "a=..",
      "half:2": "a=A",
    });
  });

  it("of a file without a durable name: synced content does not help", async () => {
    const file = files.open("/a", "create");
    write(file, "AB", 0);
    await file.sync();
    expect(imagesNow()).toEqual({ process: "a=AB", nothing: "", everything: "a=AB" });
    await files.syncFolder("/");
    expect(imagesNow()).toEqual({ process: "a=AB", nothing: "a=AB" });
  });

  it("of a file without durable content: a durable name does not help", async () => {
    const file = files.open("/a", "create");
    write(file, "AB", 0);
    await files.syncFolder("/");
    expect(imagesNow()).toEqual({
      process: "a=AB",
      nothing: "a=",
      everything: "a=AB",
      "zeros:0": "a=..",
      "half:0": "a=A",
    });
  });

  it("of appends: prefixes, holes and torn writes", async () => {
    const file = await durableFile("0");
    write(file, "AA", 1);
    write(file, "BB", 3);
    expect(imagesNow()).toEqual({
      process: "a=0AABB",
      "process-cut": "a=0AAB",
      nothing: "a=0",
      everything: "a=0AABB",
      names: "a=0",
      content: "a=0AABB",
      "prefix:1": "a=0AA",
      "drop:0": "a=0..BB",
      "drop:1": "a=0AA",
      "zeros:0": "a=0..",
      "stale:0": "a=00.",
      "stale-rest:0": "a=00.BB",
      "stale:1": "a=0AAAA",
      "zeros-rest:0": "a=0..BB",
      "half:0": "a=0A",
      "half-rest:0": "a=0A.BB",
      "zeros:1": "a=0AA..",
      "half:1": "a=0AAB",
    });
  });

  it("of a write over old bytes: a torn one leaves them", async () => {
    const file = await durableFile("0123");
    write(file, "ABCD", 2);
    expect(imagesNow()).toMatchObject({ nothing: "a=0123", "zeros:0": "a=0123..", "half:0": "a=01AB" });
  });

  it("of a write over several sectors: the first or the last is missing, by their place in the file", async () => {
    const file = await durableFile("x".repeat(500));
    write(file, "A".repeat(12 + 512 + 100), 500);
    const images = imagesNow();
    const x = `a=${"x".repeat(500)}`;
    expect(images["first:0"]).toBe(`${x}${".".repeat(12)}${"A".repeat(612)}`);
    expect(images["last:0"]).toBe(`${x}${"A".repeat(524)}${".".repeat(100)}`);
    expect(images["zeros:0"]).toBe(`${x}${".".repeat(624)}`);
    expect(images["half:0"]).toBe(`${x}${"A".repeat(312)}`);
  });

  it("of a write that ends with a sector", async () => {
    const file = await durableFile("");
    write(file, "A".repeat(1024), 0);
    expect(imagesNow()["last:0"]).toBe(`a=${"A".repeat(512)}${".".repeat(512)}`);
    expect(imagesNow()["first:0"]).toBe(`a=${".".repeat(512)}${"A".repeat(512)}`);
  });

  it("of a truncate, which may be undone", async () => {
    const file = await durableFile("0123");
    file.truncate(2);
    write(file, "A", 3);
    expect(imagesNow()).toMatchObject({
      process: "a=01.A",
      nothing: "a=0123",
      "prefix:1": "a=01",
      "drop:0": "a=012A",
      "drop:1": "a=01",
    });
    await file.sync();
    expect(imagesNow()).toEqual({ process: "a=01.A", nothing: "a=01.A" });
  });

  it("at a sync that still runs: it has effect at its end, on what came before its start", async () => {
    const file = await durableFile("");
    write(file, "A", 0);
    const sync = file.sync();
    write(file, "B", 1);
    expect(imagesNow().nothing).toBe("a=");
    expect(imagesNow()["prefix:1"]).toBe("a=A");
    await sync;
    expect(imagesNow()).toMatchObject({ nothing: "a=A", everything: "a=AB", "zeros:0": "a=A." });
  });

  it("of a sync that failed: a later one does not make good for it", async () => {
    files = new RecordingFiles({ clock: new TestClock(), failSync: (_, count) => count === 2 });
    const file = await durableFile("0");
    write(file, "A", 1);
    await expect(file.sync()).rejects.toThrow("EIO");
    write(file, "B", 2);
    await file.sync();
    expect(imagesNow()).toMatchObject({ process: "a=0AB", nothing: "a=0.B", everything: "a=0AB" });
    file.truncate(0);
    write(file, "C", 0);
    await file.sync();
    expect(new Set(Object.values(imagesNow()))).toEqual(new Set(["a=C"]));
  });

  it("of a rename: the old name or the new one, never both or none", async () => {
    (await durableFile("A")).close();
    files.rename("/a", "/b");
    expect(new Set(Object.values(imagesNow()))).toEqual(new Set(["a=A", "b=A"]));
    expect(imagesNow()).toMatchObject({ process: "b=A", nothing: "a=A" });
    await files.syncFolder("/");
    expect(imagesNow()).toEqual({ process: "b=A", nothing: "b=A" });
  });

  it("of a rename whose file was made just before: the rename alone may survive", async () => {
    put(files, "/a.tmp", "A");
    files.rename("/a.tmp", "/a");
    expect(imagesNow()).toMatchObject({ process: "a=A", nothing: "", "drop:0": "a=A", "drop:3": "a.tmp=A" });
  });

  it("of links and removals", async () => {
    (await durableFile("A")).close();
    files.link("/a", "/b");
    files.remove("/a");
    expect(imagesNow()).toMatchObject({ process: "b=A", nothing: "a=A", "drop:0": "", "drop:1": "a=A b=A" });
    const images = new CrashImages(files.journal, 1);
    images.advanceTo(files.journal.entries.length);
    const both = images.image("drop:1").files;
    put(both, "/b", "changed");
    expect(told(both)).toBe("a=changed b=changed");
  });

  it("of folders: with one goes all below it", async () => {
    files.makeFolder("/f/g");
    put(files, "/f/g/a", "A");
    const file = files.open("/f/g/a", "write");
    await file.sync();
    file.close();
    await files.syncFolder("/f/g");
    await files.syncFolder("/");
    expect(imagesNow()).toMatchObject({ process: "f/ f/g/ f/g/a=A", nothing: "f/" });
    await files.syncFolder("/f");
    files.rename("/f/g", "/f/h");
    files.removeFolder("/f/h");
    expect(imagesNow()).toMatchObject({
      process: "f/",
      nothing: "f/ f/g/ f/g/a=A",
      "prefix:1": "f/ f/h/ f/h/a=A",
      "prefix:2": "f/ f/h/",
    });
  });

  it("of a rename between folders: synced one by one, both names may be left, or none", async () => {
    files.makeFolder("/f");
    (await durableFile("A")).close();
    files.rename("/a", "/f/a");
    expect(imagesNow()).toMatchObject({ nothing: "a=A f/", everything: "f/ f/a=A" });
    await files.syncFolder("/f");
    expect(imagesNow()).toMatchObject({ nothing: "a=A f/ f/a=A", everything: "f/ f/a=A" });
    await files.syncFolder("/");
    expect(imagesNow()).toEqual({ process: "f/ f/a=A", nothing: "f/ f/a=A" });
  });

  it("of what was there at first: all of it is durable", () => {
    const base = new MemoryFiles();
    base.makeFolder("/f");
    put(base, "/f/a", "old");
    files = new RecordingFiles({ clock: new TestClock(), base });
    write(files.open("/f/a", "write"), "NEW", 0);
    expect(imagesNow()).toMatchObject({ process: "f/ f/a=NEW", nothing: "f/ f/a=old" });
    expect(told(base)).toBe("f/ f/a=old");
  });

  it("can be written without any effect on the next one", async () => {
    const file = await durableFile("0123");
    write(file, "A", 0);
    const images = new CrashImages(files.journal, 1);
    images.advanceTo(files.journal.entries.length);
    for (const variant of ["everything", "nothing", "process"]) put(images.image(variant).files, "/a", "overwritten");
    expect(told(images.image("nothing").files)).toBe("a=0123");
    expect(told(images.image("everything").files)).toBe("a=A123");
  });

  it("has a clock that stands after the crash, and times of modification from before it", async () => {
    const clock = new TestClock({ now: 1000 });
    files = new RecordingFiles({ clock });
    const file = files.open("/a", "create");
    clock.advance(500);
    write(file, "A", 0);
    const images = new CrashImages(files.journal, 1);
    images.advanceTo(2);
    const image = images.image("process");
    expect(image.files.stat("/a")?.modifiedMs).toBe(1500);
    expect(image.clock.now()).toBeGreaterThan(1500);
    expect(images.image("names").files.stat("/a")?.modifiedMs).toBe(1000);
  });

  it("is built again from seed, point and variant; another seed gives others", async () => {
    const file = await durableFile("");
    for (let i = 0; i < 10; i++) write(file, String(i).repeat(600), i * 600);
    const randoms = (seed: number) => {
      const images = new CrashImages(files.journal, seed, 20);
      images.advanceTo(files.journal.entries.length);
      return images
        .variants()
        .filter((variant) => variant.startsWith("random"))
        .map((variant) => told(images.image(variant).files));
    };
    expect(randoms(7)).toHaveLength(20);
    expect(randoms(7)).toEqual(randoms(7));
    expect(randoms(8)).not.toEqual(randoms(7));
    expect(new Set(randoms(7)).size).toBeGreaterThan(5);
  });

  it("says when there is no such variant", () => {
    const images = new CrashImages(files.journal, 1);
    for (const variant of ["zeros:3", "what", "what:1"]) expect(() => images.image(variant)).toThrow("no variant");
  });
});

describe("the points to crash at", () => {
  it("are those before each change of the disk, and the end", async () => {
    const file = files.open("/a", "create");
    files.ack(1);
    await file.sync();
    files.ack(2);
    files.ack(3);
    // 0 create, 1 ack, 2 syncStart, 3 syncEnd, 4 ack, 5 ack
    expect(crashPoints(files.journal)).toEqual([0, 3, 6]);
  });
});

describe("replaceFile", () => {
  it("leaves the old content or the new one at every crash, and the new one once it has returned", async () => {
    await replaceFile(files, "/a", Buffer.from("old content"));
    const begin = files.journal.entries.length;
    await replaceFile(files, "/a", Buffer.from("the new one"));
    const end = files.journal.entries.length;
    const images = new CrashImages(files.journal, 1, 50);
    for (let point = begin; point <= end; point++) {
      images.advanceTo(point);
      for (const variant of images.variants()) {
        const content = Buffer.from(images.image(variant).files.read("/a")!).toString();
        expect(point === end ? ["the new one"] : ["old content", "the new one"]).toContain(content);
      }
    }
  });
});
