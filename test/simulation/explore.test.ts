/** The explorer itself, over a workload so small that its bugs can be planted by hand: a counter kept in a file. */
import { describe, expect, it } from "vitest";
import type { Files } from "../../src/storage/files.ts";
import { replaceFile } from "../../src/storage/replace-file.ts";
import { CrashFailure, type Exploration, explore, replayFromEnvironment } from "./explore.ts";
import type { CrashImage } from "./images.ts";

type Save = (files: Files, text: string) => Promise<void>;

/** Saves 1 to 5 and acks each. */
function counter(save: Save, more: Partial<Exploration<number>> = {}): Exploration<number> {
  return {
    seed: 1,
    budget: 10_000,
    replay: {},
    workload: async ({ files, ack }) => {
      for (let i = 1; i <= 5; i++) {
        await save(files, String(i).repeat(8));
        ack(i);
      }
    },
    check: ({ files }, acks) => {
      const text = Buffer.from(files.read("/counter") ?? []).toString();
      const last = acks.at(-1) ?? 0;
      if (text === "" && last === 0) return;
      if (!/^([1-5])\1{7}$/.test(text)) throw new Error(`garbage: ${JSON.stringify(text)}`);
      if (Number(text[0]) < last) throw new Error(`${last} was acked, but ${text[0]} is there`);
    },
    ...more,
  };
}

/** replaceFile with one step left out. */
const without =
  (step: "file sync" | "folder sync" | "rename"): Save =>
  async (files, text) => {
    const path = step === "rename" ? "/counter" : "/counter.tmp";
    files.remove("/counter.tmp");
    const file = files.open(path, "write");
    file.write(Buffer.from(text), 0, text.length, 0);
    if (step !== "file sync") await file.sync();
    file.close();
    if (step !== "rename") files.rename(path, "/counter");
    if (step !== "folder sync") await files.syncFolder("/");
  };

const right: Save = (files, text) => replaceFile(files, "/counter", Buffer.from(text));
const failureOf = (exploration: Exploration<number>) =>
  explore(exploration).then(
    () => undefined,
    (error: CrashFailure) => error,
  );

describe("explore", () => {
  it("finds nothing where nothing is wrong, in all images", async () => {
    const result = await explore(counter(right));
    expect(result.checked).toBe(result.images);
    expect(result.images).toBeGreaterThan(200);
    expect(result.points).toBeGreaterThan(20);
  });

  it.each(["file sync", "folder sync", "rename"] as const)("finds that the %s is missing", async (step) => {
    expect(await failureOf(counter(without(step)))).toBeInstanceOf(CrashFailure);
  });

  it("finds that a failed sync was tried again and then trusted", async () => {
    const stubborn: Save = async (files, text) => {
      files.remove("/counter.tmp");
      const file = files.open("/counter.tmp", "write");
      file.write(Buffer.from(text), 0, text.length, 0);
      await file.sync().catch(() => file.sync());
      file.close();
      files.rename("/counter.tmp", "/counter");
      await files.syncFolder("/");
    };
    expect(await failureOf(counter(stubborn))).toBeUndefined();
    const failSync = (_: string, count: number) => count === 4;
    expect(await failureOf(counter(stubborn, { failSync }))).toBeInstanceOf(CrashFailure);
  });

  it("tells process death from machine death", async () => {
    const kinds = new Set<string>();
    const { check, ...rest } = counter(without("file sync"));
    await explore({
      ...rest,
      check: (image, acks, kind) => {
        kinds.add(kind);
        if (kind === "process" && image.variant !== "process-cut") return check(image, acks, kind);
      },
    });
    expect(kinds).toEqual(new Set(["process", "machine"]));
  });

  it("gives a check the acks before the crash, in order", async () => {
    const seen = new Map<number, number[]>();
    await explore(
      counter(right, {
        check: ({ point }, acks) => {
          seen.set(point, [...acks]);
        },
      }),
    );
    const lists = [...seen.entries()].sort(([a], [b]) => a - b).map(([, acks]) => acks.length);
    expect(lists).toEqual([...lists].sort());
    expect(seen.get(Math.max(...seen.keys()))).toEqual([1, 2, 3, 4, 5]);
    expect(seen.get(0)).toEqual([]);
  });

  it("keeps to the budget, and draws the same for the same seed", async () => {
    const drawn = async (seed: number) => {
      const names: string[] = [];
      const check = ({ point, variant }: CrashImage) => {
        names.push(`${point} ${variant}`);
      };
      const { checked } = await explore(counter(right, { seed, budget: 100, check }));
      expect(checked).toBe(100);
      expect(names).toHaveLength(100);
      return names;
    };
    expect(await drawn(5)).toEqual(await drawn(5));
    expect(await drawn(6)).not.toEqual(await drawn(5));
  });

  it("spends a quarter of the budget on the images without a number, and what is left over too", async () => {
    const counts = async (budget: number) => {
      const names: string[] = [];
      const check = ({ variant }: CrashImage) => {
        names.push(variant);
      };
      await explore(counter(right, { budget, check }));
      const plain = names.filter((name) => !name.includes(":")).length;
      return { plain, other: names.length - plain };
    };
    const all = await counts(10_000);
    expect(await counts(40)).toEqual({ plain: 10, other: 30 });
    expect(await counts(all.other + all.plain - 1)).toEqual({ plain: all.plain - 1, other: all.other });
  });

  it("gives the workload the same chance for the same seed", async () => {
    const drawn = async (seed: number) => {
      const numbers: number[] = [];
      const workload: Exploration<number>["workload"] = async ({ random }) => {
        for (let i = 0; i < 5; i++) numbers.push(random.below(1000));
      };
      await explore(counter(right, { seed, workload }));
      return numbers;
    };
    expect(await drawn(5)).toEqual(await drawn(5));
    expect(await drawn(6)).not.toEqual(await drawn(5));
  });

  it("tells how to get a failure again, and does", async () => {
    const failure = (await failureOf(counter(without("file sync"), { seed: 3 })))!;
    const line = /VARVE_SEED=(\S+) VARVE_POINT="([^"]+)"/.exec(failure.message)!;
    expect(failure.message).toContain("rename /counter.tmp to /counter");
    const replay = replayFromEnvironment({ VARVE_SEED: line[1], VARVE_POINT: line[2] });
    expect(replay).toEqual({ seed: 3, point: failure.point, variant: failure.variant });
    const again = (await failureOf(counter(without("file sync"), { seed: 99, budget: 1, replay })))!;
    expect(again.message).toBe(failure.message);
  });

  it("replays all variants of a point, and says when there is none", async () => {
    const { checked, images } = await explore(counter(right, { budget: 1, replay: { point: 9 } }));
    expect(checked).toBe(images);
    expect(checked).toBeGreaterThan(1);
    await expect(explore(counter(right, { replay: { point: 9, variant: "drop:99" } }))).rejects.toThrow(
      "no image 9 drop:99",
    );
    expect(replayFromEnvironment({})).toEqual({ seed: undefined, point: undefined, variant: undefined });
  });

  it("crashes a recovery too, from an image", async () => {
    const nested: number[] = [];
    const { check, ...rest } = counter(right, { budget: 20 });
    await explore({
      ...rest,
      check: async (image, acks) => {
        const recovery = counter(right, { base: image.files, budget: 10 });
        recovery.workload = async ({ files }) => files.remove("/counter.tmp");
        recovery.check = (again, _, kind) => check(again, acks, kind);
        nested.push((await explore(recovery)).checked);
      },
    });
    expect(nested).toHaveLength(20);
    expect(Math.max(...nested)).toBeGreaterThan(1);
  });
});
