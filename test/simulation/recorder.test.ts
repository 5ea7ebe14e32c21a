import { beforeEach, describe, expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { filesSuite, put } from "../storage/files-suite.ts";
import { describeEntry } from "./journal.ts";
import { RecordingFiles } from "./recorder.ts";

filesSuite("recording files", () => {
  const base = new MemoryFiles();
  base.makeFolder("/data");
  return { files: new RecordingFiles({ clock: new TestClock(), base }), root: "/data" };
});

let files: RecordingFiles;

beforeEach(() => {
  files = new RecordingFiles({ clock: new TestClock() });
});

const told = () => files.journal.entries.map(describeEntry);

describe("RecordingFiles", () => {
  it("writes down every step, with those inside one call", () => {
    files.makeFolder("/f/g");
    files.makeFolder("/f/g");
    put(files, "/f/g/a", "abc");
    files.link("/f/g/a", "/f/b");
    files.link("/f/g/a", "/f/b");
    files.rename("/f/g/a", "/f/g/a");
    files.rename("/f/g/a", "/f/g/c");
    files.remove("/f/none");
    files.ack({ offset: 1 });
    files.removeFolder("/f");
    files.removeFolder("/f");
    expect(told()).toEqual([
      "makeFolder /f",
      "makeFolder /f/g",
      "create /f/g/a",
      "truncate /f/g/a to 0",
      "write 3 bytes at 0 of /f/g/a",
      "link /f/b",
      "rename /f/g/a to /f/g/c",
      'ack {"offset":1}',
      "remove /f/b",
      "remove /f/g/c",
      "removeFolder /f/g",
      "removeFolder /f",
    ]);
  });

  it("keeps the bytes as they were, and notes nothing for a call that failed or did nothing", () => {
    const file = files.open("/a", "create");
    const buffer = Buffer.from("-abc-");
    file.write(buffer, 1, 3, 0);
    buffer.fill(0);
    file.write(buffer, 0, 0, 0);
    expect(() => files.open("/a", "create")).toThrow();
    expect(() => files.rename("/none", "/b")).toThrow();
    expect(told()).toEqual(["create /a", "write 3 bytes at 0 of /a"]);
    expect(files.journal.entries[1]).toMatchObject({ bytes: new Uint8Array([97, 98, 99]) });
  });

  it("lets other calls come while a sync runs", async () => {
    const file = files.open("/a", "create");
    const sync = file.sync();
    file.write(Buffer.from("x"), 0, 1, 0);
    await sync;
    const folder = files.syncFolder("/");
    file.truncate(0);
    await folder;
    file.syncNow();
    files.syncFolderNow("/");
    expect(told()).toEqual([
      "create /a",
      "syncStart 0 of /a",
      "write 1 bytes at 0 of /a",
      "syncEnd 0 of /a",
      "syncStart 1 of /",
      "truncate /a to 0",
      "syncEnd 1 of /",
      "syncStart 2 of /a",
      "syncEnd 2 of /a",
      "syncStart 3 of /",
      "syncEnd 3 of /",
    ]);
  });

  it("fails the syncs it is asked to fail", async () => {
    files = new RecordingFiles({ clock: new TestClock(), failSync: (path, count) => path === "/a" && count === 1 });
    const file = files.open("/a", "create");
    await file.sync();
    await expect(file.sync()).rejects.toMatchObject({ code: "VARVE_IO", file: "/a" });
    await file.sync();
    expect(told().slice(1)).toEqual(
      ["syncStart 0", "syncEnd 0", "syncStart 1", "syncFailed 1", "syncStart 2", "syncEnd 2"].map((t) => `${t} of /a`),
    );
  });

  it("knows no end of a sync that failed when its file was let go: nobody was told", async () => {
    files = new RecordingFiles({ clock: new TestClock(), failSync: () => true });
    const file = files.open("/a", "create");
    const sync = file.sync();
    file.close();
    await expect(sync).rejects.toMatchObject({ code: "VARVE_IO" });
    expect(told()).toEqual(["create /a", "syncStart 0 of /a"]);
  });

  it("does not let an open file be renamed or removed", () => {
    files.makeFolder("/f");
    const file = files.open("/f/a", "create");
    put(files, "/b", "");
    expect(() => files.rename("/f/a", "/c")).toThrow("it is open");
    expect(() => files.rename("/b", "/f/a")).toThrow("it is open");
    expect(() => files.rename("/f", "/g")).toThrow("it is open");
    expect(() => files.remove("/f/a")).toThrow("it is open");
    expect(() => files.removeFolder("/f")).toThrow("it is open");
    file.close();
    file.close();
    files.rename("/f/a", "/c");
  });
});
