/** Bits flipped in every file of Kafka's golden directory: by the thousand, or all of them (VARVE_FULL=1). */
import { expect, it } from "vitest";
import { isFull, randomFor, seed } from "../sampling.ts";
import { copyGolden, DATA, flip, goldenPartitions, isUndetectable, verifyIn } from "./golden-copies.ts";

/** Per partition folder. */
const SAMPLE = 700;

it.each(goldenPartitions)(`%s, with seed ${seed}`, async (partition) => {
  const files = copyGolden(partition);
  const random = randomFor(partition);
  const paths = (files.list(`${DATA}/${partition}`) ?? []).map((name) => `${DATA}/${partition}/${name}`);
  const bits = paths.reduce((sum, path) => sum + files.stat(path)!.size * 8, 0);
  const share = isFull ? 1 : SAMPLE / bits;
  const missed: string[] = [];
  let flips = 0;
  for (const path of paths) {
    const { size } = files.stat(path)!;
    for (let bit = 0; bit < size * 8; bit++) {
      if (random() >= share) continue;
      flips++;
      flip(files, path, bit);
      const { problems } = await verifyIn(files);
      flip(files, path, bit);
      const mustBeFound = path.endsWith(".log") && !isUndetectable(path, bit);
      if (mustBeFound && problems.length === 0) missed.push(`${path}, bit ${bit}`);
    }
  }
  expect(missed).toEqual([]);
  expect(flips).toBeGreaterThan(Math.min(SAMPLE, bits) / 2);
  expect((await verifyIn(files)).problems).toEqual([]);
});
