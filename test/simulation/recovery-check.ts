/**
 * Opens a disk that a crash has left, and asks everything of it that FAULTS asks: what was promised is there, once and in
 * order; recovery leaves nothing over, and has nothing to do the second time; the log goes on, and what is appended then is
 * there as well.
 */
import { Engine } from "../../src/engine/engine.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import type { MemoryFiles } from "../../src/storage/memory-files.ts";
import type { TestClock } from "../../src/testing/clock.ts";
import { wrongAbortedEntry } from "./aborted-entries.ts";
import { leftovers, partitionBytes, wrongIndex } from "./folders.ts";
import type { CrashImage, CrashKind } from "./images.ts";
import { checkFree, checkPromises } from "./invariants.ts";
import { type Fact, Ledger, type Observed } from "./ledger.ts";
import { Mortal } from "./mortal.ts";
import { inOrder, lastStableOf, observe, textOf } from "./observe.ts";
import { Random } from "./random.ts";
import { DATA, engineOptions } from "./workload.ts";

/** How a disk was left: by which crash, of which boot, by an engine of which level. */
export interface Left {
  kind: CrashKind;
  bootId: string;
  durability: "process" | "power";
}

export async function checkRecovery(image: CrashImage, facts: readonly Fact[], left: Left): Promise<void> {
  const { files, clock } = image;
  const random = new Random(image.seed, image.point, image.variant.length);
  const ledger = new Ledger(facts);
  const open = (as: Left, on = files) => openLife(on, clock, random, as);

  const first = await open(left);
  const observed = await observeSound(first.engine);
  checkPromises(ledger, observed, left.kind);
  expectTidy(files);
  const bytes = soundBytes(files);
  first.process.kill();
  // The rest takes longer than this, and finds less.
  if (random.oneIn(2)) return;

  const again = { ...left, kind: "process", bootId: bootAfter(left) } as const;
  const second = await open(again);
  expectSame(await observeSound(second.engine), observed);
  expectSameBytes(soundBytes(files), bytes);
  const grown = await goOn(second.engine, ledger, observed);
  if (random.oneIn(2)) await second.engine.close();
  second.process.kill();

  const third = await open(again);
  expectSame(await observeSound(third.engine), grown);
  await third.engine.close();
  third.process.kill();
  const wrong = wrongIndex(files, DATA, (topic) => {
    const { indexIntervalBytes: interval, cleanupPolicy } = third.engine.topics.get(topic)!.config;
    return { interval, isCompacted: cleanupPolicy !== "delete" };
  });
  if (wrong) throw new Error(`an index is wrong after the close: ${wrong}`);
  soundBytes(files);
}

/** The boot in which a disk that was left so is opened next. */
export function bootAfter({ kind, bootId }: Pick<Left, "kind" | "bootId">): string {
  return kind === "process" ? bootId : `${bootId}'`;
}

async function openLife(
  files: MemoryFiles,
  clock: TestClock,
  random: Random,
  left: Left,
): Promise<{ process: Mortal; engine: Engine }> {
  const process = new Mortal({ files, clock, random, bootId: bootAfter(left) });
  return { process, engine: await Engine.open(DATA, engineOptions(process, left.durability)) };
}

/** Looks at everything. A crash alone is no damage. */
async function observeSound(engine: Engine): Promise<Observed> {
  engine.on("corrupt", (event) => engine.openReport.corrupt.push(event));
  const observed = await observe(engine);
  const [corrupt] = engine.openReport.corrupt;
  if (corrupt) throw new Error(`reported as corrupt: ${JSON.stringify(corrupt)}`);
  return observed;
}

function expectTidy(files: MemoryFiles): void {
  const left = leftovers(files, DATA);
  if (left.length > 0) throw new Error(`recovery has left ${left}`);
}

/** Of the partitions, when a broker that takes them over would leave out what was aborted, and nothing else. */
function soundBytes(files: MemoryFiles): Map<string, string> {
  const bytes = partitionBytes(files, DATA);
  const wrong = wrongAbortedEntry(bytes);
  if (wrong) throw new Error(`a reader would be told wrong what was aborted: ${wrong}`);
  return bytes;
}

function expectSame(found: Observed, expected: Observed): void {
  const [was, is] = [expected, found].map((of) => JSON.stringify(of));
  if (was !== is) throw new Error(`opened again, there is ${is}, after ${was}`);
}

function expectSameBytes(found: Map<string, string>, expected: Map<string, string>): void {
  for (const path of new Set([...found.keys(), ...expected.keys()])) {
    const [was, is] = [expected.get(path), found.get(path)];
    // Of transactions that have nothing left these may have entries or not: see aborted-entries.ts.
    if (was === is || path.endsWith(".txnindex")) continue;
    throw new Error(`the second recovery has changed ${path}`);
  }
}

/** Appends to every partition and commits there. Returns what must be there from then on. */
async function goOn(engine: Engine, ledger: Ledger, observed: Observed): Promise<Observed> {
  const grown: Observed = structuredClone(observed);
  const timestamp = engine.clock.now();
  for (const { name, partitions } of grown.topics) {
    for (const [index, of] of partitions.entries()) {
      const partition = engine.topic(name).partition(index);
      const builder = new BatchBuilder();
      // Nothing without a key may go into a topic that is compacted.
      const key = "later";
      for (const value of ["one", "two"]) builder.append(key, value, undefined, timestamp);
      const offset = partition.append(builder.seal());
      await partition.acknowledged(offset + 2);
      checkFree(`${name}-${index}`, ledger.named(name)!.partition(index), offset, partition.leaderEpoch);
      for (const value of ["one", "two"]) {
        of.records.push({ epoch: partition.leaderEpoch, text: textOf(key, value, timestamp) });
      }
      of.end = offset + 2;
      of.lastStable = lastStableOf(partition);
      await engine.offsets.commit("later", [{ topic: name, partition: index, offset }]);
      grown.commits.push({ group: "later", name, partition: index, offset });
    }
  }
  return inOrder(grown);
}
