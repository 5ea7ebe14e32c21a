/** Frames out of a stream, however it is cut; lengths that no request has. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { FrameReader } from "../../src/wire/frame-reader.ts";

const frame = (content: Uint8Array) => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length);
  return Buffer.concat([length, content]);
};
const contents = [8, 9, 300, 8, 5000].map((size, index) => Buffer.alloc(size, index + 1));
const stream = Buffer.concat(contents.map(frame));

it.each([1, 2, 3, 4, 5, 7, 64, 1000, stream.length])("in pieces of %i bytes", (size) => {
  const reader = new FrameReader(5000);
  const found: Buffer[] = [];
  for (let at = 0; at < stream.length; at += size) {
    reader.push(stream.subarray(at, at + size));
    for (let next = reader.next(); next; next = reader.next()) found.push(Buffer.from(next));
  }
  expect(found).toEqual(contents);
  expect(reader.bufferedBytes).toBe(0);
});

it("a frame that comes byte by byte takes little more memory than its bytes", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const size = 100_000;
  const reader = new FrameReader(size);
  const whole = frame(Buffer.alloc(size, 7));
  collect();
  const before = process.memoryUsage();
  for (const byte of whole.subarray(0, size)) reader.push(Buffer.from(Uint8Array.of(byte).buffer));
  collect();
  const after = process.memoryUsage();
  expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(20 * size);
  expect(reader.next()).toBeUndefined();
  reader.push(whole.subarray(size));
  expect(reader.next()).toEqual(whole.subarray(4));
});

describe("a length of", () => {
  it.each([-1, 0, 7, 5001, 0x7fff_ffff, -0x8000_0000])("%i is refused", (length) => {
    const reader = new FrameReader(5000);
    const head = Buffer.alloc(4);
    head.writeInt32BE(length);
    reader.push(head);
    expect(() => reader.next()).toThrow(/a frame of .* bytes; a request has from 8 to 5000/);
  });

  it("5000 is waited for", () => {
    const reader = new FrameReader(5000);
    reader.push(frame(Buffer.alloc(5000)).subarray(0, 4000));
    expect(reader.next()).toBeUndefined();
    expect(reader.bufferedBytes).toBe(4000);
  });
});
