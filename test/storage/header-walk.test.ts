/** The walk along the headers of a file, held against its batches. */
import { describe, expect, it } from "vitest";
import type { Batch } from "../../src/format/batch.ts";
import { HeaderWalk } from "../../src/storage/header-walk.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { scanBatches } from "../../src/storage/scan.ts";
import { Structure } from "../../src/storage/structure.ts";
import { batchOf, batchOfSize, openLog, putFile } from "./partition.ts";

const PATH = "/t-0/00000000000000000000.log";

/** Small batches, which are read together, and large ones, of which the headers alone are; timestamps up and down. */
async function written(): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const { log } = await openLog(files, { config: { segmentBytes: 10_000_000 } });
  for (let i = 0; i < 600; i++) log.append(batchOfSize(i % 100 < 90 ? 10 + i : 70_000, (i * 7919) % 1000));
  log.append(batchOf(["a", "b", "c"]));
  await log.close();
  return files;
}

const whatIsSaid = ({ position, sizeInBytes, baseOffset, lastOffset, maxRecordTimestamp }: Batch) => [
  ...[position, sizeInBytes, baseOffset, lastOffset, maxRecordTimestamp],
];

describe("the headers of a file", () => {
  it("are those of its batches", async () => {
    const files = await written();
    const file = files.open(PATH, "read");
    const structure = new Structure(0, false, Number.POSITIVE_INFINITY, undefined);
    const batches = [...scanBatches(file, 0, file.size(), structure)].map((batch) => whatIsSaid(batch as Batch));
    const walk = new HeaderWalk(file, 0, file.size());
    const said: number[][] = [];
    for (let batch = walk.next(); batch; batch = walk.next()) said.push(whatIsSaid(batch));
    expect(said).toEqual(batches);
    expect(walk.isAtEnd).toBe(true);
  });

  it("say which timestamp is the largest of so many", async () => {
    const files = await written();
    const file = files.open(PATH, "read");
    const walk = new HeaderWalk(file, 0, file.size());
    const of = (from: number, to: number) =>
      Math.max(...Array.from({ length: to - from }, (_, i) => ((i + from) * 7919) % 1000));
    expect(walk.largestTimestamp(50)).toBe(of(0, 50));
    expect(walk.largestTimestamp(500)).toBe(of(50, 550));
    expect(walk.largestTimestamp(1000)).toBe(of(550, 600));
    expect(walk.isAtEnd).toBe(true);
    expect(walk.largestTimestamp(1)).toBe(-1);
  });

  it.each([
    ["no magic", 16, 1],
    ["a length that is less than a header", 11, 40],
    ["a length that is negative", 8, 0x80],
    ["a length past the end", 8, 0x40],
    ["a base offset that is negative", 0, 0x80],
    ["offsets that are negative", 23, 0x80],
    ["a count that is negative", 57, 0x80],
    ["more records than offsets", 60, 9],
  ])("end at one with %s", async (_, at, byte) => {
    const files = new MemoryFiles();
    const { log } = await openLog(files);
    log.append(batchOf(["a"]));
    log.append(batchOf(["b"]));
    const second = log.sizeInBytes / 2;
    await log.close();
    const bytes = files.read(PATH)!;
    bytes[second + at] = byte;
    putFile(files, PATH, bytes);
    const walk = new HeaderWalk(files.open(PATH, "read"), 0, bytes.length);
    expect(walk.next()?.position).toBe(0);
    expect(walk.next()).toBeUndefined();
    expect([walk.position, walk.isAtEnd]).toEqual([second, false]);
  });

  it("end where the file does, whatever was said of its size", async () => {
    const files = new MemoryFiles();
    const { log } = await openLog(files);
    log.append(batchOf(["a"]));
    const size = log.sizeInBytes;
    await log.close();
    const walk = new HeaderWalk(files.open(PATH, "read"), 0, size + 1000);
    expect(walk.next()?.position).toBe(0);
    expect(walk.next()).toBeUndefined();
    expect(walk.isAtEnd).toBe(false);
  });
});
