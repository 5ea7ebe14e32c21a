import { describe, expect, it } from "vitest";
import { Lock, type LockOptions, liveness, readLock } from "../../src/engine/lock.ts";
import { systemChance } from "../../src/storage/clock.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { errorOf, FOLDER, identity } from "./engines.ts";

function folder(): MemoryFiles {
  const files = new MemoryFiles();
  files.makeFolder(FOLDER);
  return files;
}

function acquire(files: LockOptions["files"], who = identity(1), more: Partial<LockOptions> = {}): Promise<Lock> {
  return Lock.acquire({ files, folder: FOLDER, identity: who, chance: systemChance, takeover: false, ...more });
}

describe("the lock", () => {
  it("says who has the directory, and goes when it is released", async () => {
    const files = folder();
    const lock = await acquire(files, identity(1));
    await lock.announce("127.0.0.1:9092");
    expect(files.list(FOLDER)).toEqual([".lock"]);
    expect(JSON.parse(Buffer.from(files.read(`${FOLDER}/.lock`)!).toString())).toMatchObject({
      pid: 1,
      processStart: "start-of-1",
      bootId: "boot-1",
      hostName: "host",
      address: "127.0.0.1:9092",
    });
    lock.release();
    expect(files.list(FOLDER)).toEqual([]);
  });

  it("refuses a second owner, with the pid and the address of the first", async () => {
    const files = folder();
    await (await acquire(files, identity(4711))).announce("127.0.0.1:9092");
    for (const who of [identity(4711), identity(12, { alive: [12, 4711] })]) {
      const error = await errorOf(() => acquire(files, who, { takeover: true }));
      expect(error).toMatchObject({ code: "VARVE_LOCKED", retriable: true });
      expect(error.message).toContain("process 4711");
      expect(error.message).toContain("127.0.0.1:9092");
    }
    expect(files.list(FOLDER)).toEqual([".lock"]);
  });

  it("leaves the lock of whoever came after alone", async () => {
    const files = folder();
    const first = await acquire(files);
    const second = await acquire(files, identity(2));
    first.release();
    await first.abandon();
    expect(readLock(files, FOLDER)?.token).toBe(second.owner.token);
  });

  it("that was abandoned is stale at once, and remembers its boot", async () => {
    const files = folder();
    await (await acquire(files)).abandon();
    const lock = await acquire(files);
    expect(lock.predecessor).toMatchObject({ pid: 0, bootId: "boot-1" });
  });
});

describe("staleness", () => {
  const owner = {
    pid: 1,
    processStart: "start-of-1",
    bootId: "boot-1",
    hostName: "host",
    address: null,
    isRecovered: true,
    token: "00",
  };
  const rows: [string, Parameters<typeof liveness>[1], "alive" | "gone" | "unknown"][] = [
    ["the process lives", identity(2, { alive: [1, 2] }), "alive"],
    ["the pid is dead", identity(2), "gone"],
    ["another process has the pid", identity(2, { alive: [1, 2], processStart: () => "later" }), "gone"],
    ["another boot, and the pid is in use", identity(2, { alive: [1, 2], bootId: "boot-2" }), "gone"],
    ["another host", identity(2, { hostName: "other" }), "unknown"],
    ["the system tells no start", identity(2, { alive: [1, 2], processStart: () => undefined }), "alive"],
    [
      "neither a start nor a certain boot id, and it differs",
      identity(2, { alive: [1, 2], processStart: () => undefined, bootId: "uptime-5" }),
      "unknown",
    ],
  ];
  it.each(rows)("%s", (_, who, expected) => {
    expect(liveness(owner, who)).toBe(expected);
  });

  it("of another host is taken over only when the caller says so", async () => {
    const files = folder();
    await acquire(files, identity(1, { hostName: "elsewhere" }));
    const error = await errorOf(() => acquire(files, identity(2)));
    expect(error).toMatchObject({ code: "VARVE_LOCKED" });
    expect(error.message).toContain("elsewhere");
    expect(error.message).toContain("takeover");
    expect((await acquire(files, identity(2), { takeover: true })).predecessor).toMatchObject({
      hostName: "elsewhere",
    });
  });

  it.each(["", "{", "[]", '{"pid":1}', "\0\0\0"])("cannot be told of %j: only takeover helps", async (content) => {
    const files = folder();
    const file = files.open(`${FOLDER}/.lock`, "create");
    file.write(Buffer.from(content), 0, content.length, 0);
    file.close();
    expect(await errorOf(() => acquire(files))).toMatchObject({ code: "VARVE_LOCKED" });
    expect((await acquire(files, identity(1), { takeover: true })).owner.pid).toBe(1);
  });
});

describe("racing openers", () => {
  /** Each opener's syncs come back when the test says so, so that they meet in every order. */
  async function race(files: MemoryFiles, openers: number, order: number[]): Promise<Lock[]> {
    const alive = Array.from({ length: openers }, (_, index) => index + 10);
    const releases: (() => void)[] = [];
    const attempts = alive.map((pid) => {
      const slow = new FaultyFiles(files);
      releases.push(slow.holdSyncs());
      return acquire(slow, identity(pid, { alive })).catch((error) => {
        if (error.code === "VARVE_LOCKED") return undefined;
        throw error;
      });
    });
    for (const index of order) {
      releases[index]();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return (await Promise.all(attempts)).filter((lock) => lock !== undefined);
  }

  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ];

  it.each(orders)("of a free directory: exactly one wins (%i %i %i)", async (...order) => {
    const files = folder();
    const winners = await race(files, 3, order);
    expect(winners).toHaveLength(1);
    expect(readLock(files, FOLDER)?.token).toBe(winners[0].owner.token);
    expect(files.list(FOLDER)).toEqual([".lock"]);
  });

  it.each(orders)("of a stale lock: exactly one wins (%i %i %i)", async (...order) => {
    const files = folder();
    await acquire(files, identity(1));
    const winners = await race(files, 3, order);
    expect(winners).toHaveLength(1);
    expect(winners[0].predecessor?.pid).toBe(1);
    expect(readLock(files, FOLDER)?.token).toBe(winners[0].owner.token);
    expect(files.list(FOLDER)).toEqual([".lock"]);
  });

  /**
   * One opener meets another one at its n-th call to the file system. Either it lives and goes on, and one of the two must
   * see that it has lost; or it dies there, and the other must get past what it left.
   */
  it.each([false, true])("that meet anywhere in a takeover (one dies: %s) leave one owner", async (isDead) => {
    let stops = 0;
    for (let stopAt = 1; ; stopAt++) {
      const files = folder();
      await acquire(files, identity(1));
      const seen: { second?: Lock; error?: unknown } = {};
      const alive = isDead ? [11] : [10, 11];
      let calls = 0;
      let second: Promise<void> | undefined;
      const stopping = new Proxy(files, {
        get(target, name) {
          const value = Reflect.get(target, name);
          if (typeof value !== "function") return value;
          return (...args: unknown[]) => {
            if (isDead && second) throw new Error("dead");
            if (name !== "open" && ++calls === stopAt) {
              second = acquire(files, identity(11, { alive })).then(
                (lock) => {
                  seen.second = lock;
                },
                (error) => {
                  seen.error = error;
                },
              );
              if (isDead) throw new Error("killed");
            }
            return value.apply(target, args);
          };
        },
      });
      const first = await acquire(stopping, identity(10, { alive: [10, 11] })).catch((error) => error);
      if (second === undefined) break;
      stops++;
      await second;
      const owners = [first, seen.second].filter((one) => one instanceof Lock);
      const owner = readLock(files, FOLDER);
      if (isDead) {
        expect(seen.error, `stopped at ${stopAt}`).toBeUndefined();
        expect(owner?.token).toBe(seen.second?.owner.token);
      } else {
        expect(owners, `stopped at ${stopAt}`).toHaveLength(1);
        expect(owner?.token).toBe(owners[0].owner.token);
      }
      expect(files.list(FOLDER)).toEqual([".lock"]);
    }
    expect(stops).toBeGreaterThan(5);
  });
});
