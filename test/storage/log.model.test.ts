/** The log against a plain array: any operations in any order, on files in memory and on the disk. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Clock } from "../../src/storage/clock.ts";
import { DiskFiles } from "../../src/storage/disk-files.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { holdsAsync } from "../property.ts";
import { ModelledLog, operations } from "./log-model.ts";

const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const plans = (maxLength: number) => fc.array(operations, { maxLength, size: "max" });

describe("a log and its model agree", () => {
  it("in memory", async () => {
    await holdsAsync(
      fc.asyncProperty(plans(60), (plan) => new ModelledLog((clock) => new MemoryFiles({ clock }), "/t-0").run(plan)),
      150,
    );
  });

  it("with segments of one batch, and with an index entry for each", async () => {
    const config = fc.constantFrom(
      { segmentBytes: 1 },
      { indexIntervalBytes: 0 },
      { segmentBytes: 1_000_000, indexIntervalBytes: 4096 },
    );
    await holdsAsync(
      fc.asyncProperty(plans(40), config, (plan, config) =>
        new ModelledLog((clock) => new MemoryFiles({ clock }), "/t-0", config).run(plan),
      ),
      100,
    );
  });

  it("on the disk", async () => {
    await holdsAsync(
      fc.asyncProperty(plans(40), async (plan) => {
        const root = mkdtempSync(join(tmpdir(), "varve-log-"));
        folders.push(root);
        await new ModelledLog(() => new DiskFiles({ root }), `${root}/t-0`).run(plan);
        rmSync(root, { recursive: true });
      }),
      20,
    );
  });

  it("or the model says so", async () => {
    const forgetful = (clock: Clock) => {
      const files = new FaultyFiles(new MemoryFiles({ clock }));
      files.shortWrites({ path: /\.log$/, nth: 3 });
      return files;
    };
    const append = { do: "append" as const, sizes: [10], timestamp: 0, step: 0 };
    await expect(new ModelledLog(forgetful, "/t-0").run([append, append, append])).rejects.toThrow();
  });
});
