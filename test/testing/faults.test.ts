import { beforeEach, describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import type { File } from "../../src/storage/files.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { type FaultOperation, FaultyFiles } from "../../src/testing/faults.ts";
import { contentOf, expectError, expectVarveError, filesSuite, put } from "../storage/files-suite.ts";

filesSuite("faulty files without a fault", () => {
  const files = new FaultyFiles(new MemoryFiles());
  files.makeFolder("/data");
  return { files, root: "/data" };
});

let files: FaultyFiles;
let file: File;

beforeEach(() => {
  files = new FaultyFiles(new MemoryFiles());
  files.makeFolder("/f");
  put(files, "/f/a", "content");
  file = files.open("/f/a", "write");
  files.resetCounts();
});

const calls: [FaultOperation, string, () => unknown][] = [
  ["open", "/f/b", () => files.open("/f/b", "write")],
  ["read", "/f/a", () => files.read("/f/a")],
  ["read", "/f/a", () => file.read(new Uint8Array(1), 0, 1, 0)],
  ["write", "/f/a", () => file.write(new Uint8Array(1), 0, 1, 0)],
  ["truncate", "/f/a", () => file.truncate(0)],
  ["sync", "/f/a", () => file.sync()],
  ["sync", "/f/a", () => file.syncNow()],
  ["stat", "/f/a", () => files.stat("/f/a")],
  ["list", "/f", () => files.list("/f")],
  ["rename", "/f/a", () => files.rename("/f/a", "/f/b")],
  ["link", "/f/a", () => files.link("/f/a", "/f/b")],
  ["remove", "/f/a", () => files.remove("/f/a")],
  ["remove", "/f", () => files.removeFolder("/f")],
  ["makeFolder", "/g", () => files.makeFolder("/g")],
  ["syncFolder", "/f", () => files.syncFolder("/f")],
  ["syncFolder", "/f", () => files.syncFolderNow("/f")],
];

describe("a fault", () => {
  it.each(calls)("on %s %s fails that call once, leaves all as it was, and counts it", async (on, path, call) => {
    files.fail({ on, code: "VARVE_IO" });
    const thrown = await Promise.resolve()
      .then(call)
      .catch((error) => error);
    expectVarveError(thrown, "VARVE_IO", path);
    expect(files.counts[on]).toBe(1);
    files.clear();
    expect(contentOf(file)).toBe("content");
    expect(files.list("/f")).toEqual(["a"]);
    expect(files.list("/")).toEqual(["f"]);
    await call();
    expect(files.counts[on]).toBeGreaterThanOrEqual(2);
  });

  it("comes at the nth matching call and as often as was said", () => {
    files.fail({ on: ["write", "truncate"], path: /a$/g, code: "VARVE_FILE_TOO_LARGE", nth: 2, times: 2 });
    const other = files.open("/f/b", "write");
    const outcomes = [1, 2, 3, 4, 5].map((i) => {
      other.truncate(0);
      return outcome(() => (i % 2 ? file.truncate(3) : file.write(new Uint8Array(1), 0, 1, 0)));
    });
    expect(outcomes).toEqual(["ok", "VARVE_FILE_TOO_LARGE", "VARVE_FILE_TOO_LARGE", "ok", "ok"]);
  });

  it("goes on for ever when asked, until it is taken back", () => {
    const end = files.fail({ on: "sync", code: "VARVE_IO", times: Number.POSITIVE_INFINITY });
    const sync = () => outcome(() => file.syncNow());
    expect([sync(), sync(), sync()]).toEqual(["VARVE_IO", "VARVE_IO", "VARVE_IO"]);
    end();
    expect(sync()).toBe("ok");
  });

  it("meets a rename or a link by either path", () => {
    files.fail({ on: ["rename", "link"], path: /taken/, code: "VARVE_ACCESS", times: 3 });
    expectError(() => files.rename("/f/a", "/f/taken"), "VARVE_ACCESS", "/f/a");
    expectError(() => files.rename("/f/taken", "/f/a"), "VARVE_ACCESS", "/f/taken");
    expectError(() => files.link("/f/a", "/f/taken"), "VARVE_ACCESS", "/f/a");
    files.rename("/f/a", "/f/b");
  });

  it("can leave a part of a write", () => {
    files.shortWrites({ nth: 2 });
    files.shortWrites({ keep: () => 1, code: "VARVE_IO" });
    expectError(() => file.write(Buffer.from("ABCDEF"), 0, 6, 0), "VARVE_IO", "/f/a");
    expect(contentOf(file)).toBe("Aontent");
    expectError(() => file.write(Buffer.from("ABCDEF"), 0, 6, 1), "VARVE_NO_SPACE", "/f/a");
    expect(contentOf(file)).toBe("AABCent");
    file.write(Buffer.from("0123456"), 0, 7, 0);
    expect(contentOf(file)).toBe("0123456");
  });
});

describe("a delayed sync", () => {
  it("comes back when it is released, of the paths that match", async () => {
    const release = files.holdSyncs(/a$/);
    const done: string[] = [];
    const held = file.sync().then(() => done.push("file"));
    await files.syncFolder("/f").then(() => done.push("folder"));
    await new Promise(setImmediate);
    expect(done).toEqual(["folder"]);
    release();
    await held;
    await file.sync();
    expect(done).toEqual(["folder", "file"]);
  });

  it("is released by clear", async () => {
    files.holdSyncs();
    const held = Promise.all([file.sync(), files.syncFolder("/f")]);
    files.clear();
    await held;
  });

  it("asks the test's function, and fails at once when the sync does", async () => {
    const asked: string[] = [];
    files.delaySync((path) => {
      asked.push(path);
      return path === "/f/a" ? new Promise(() => {}) : undefined;
    });
    await files.syncFolder("/f");
    const closed = files.open("/f/a", "write");
    closed.close();
    expectVarveError(await closed.sync().catch((error) => error), "VARVE_CLOSED", "/f/a");
    expect(asked).toEqual(["/f", "/f/a"]);
  });
});

describe("the report of leaks", () => {
  it("names the files that are open", () => {
    const other = files.open("/f/b", "write");
    expect(files.openPaths).toEqual(["/f/a", "/f/b"]);
    other.close();
    other.close();
    expect(files.openPaths).toEqual(["/f/a"]);
  });
});

function outcome(call: () => unknown): "ok" | ErrorCode {
  try {
    call();
    return "ok";
  } catch (error) {
    return (error as { code: ErrorCode }).code;
  }
}
