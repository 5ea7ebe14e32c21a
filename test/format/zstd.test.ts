import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkZstdFrames, decodeZstd } from "../../src/format/zstd.ts";
import { concat, hex, recordLines, text } from "./payloads.ts";

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/codecs/${name}`, import.meta.url)));

const decode = (bytes: Uint8Array, maxBytes = 1 << 20) => decodeZstd(bytes, 0, bytes.length, maxBytes);

const MAGIC = hex("28b52ffd");
/** No content size, no checksum, a window of 8 MiB. */
const STREAMED = concat(MAGIC, hex("00 68"));

const RAW = 0;
const RLE = 1;
const COMPRESSED = 2;

function block(type: number, size: number, content: Uint8Array, last = true): Uint8Array {
  const word = (size << 3) | (type << 1) | (last ? 1 : 0);
  return concat(Uint8Array.of(word, word >> 8, word >> 16), content);
}

const compressed = (content: string) => concat(STREAMED, block(COMPRESSED, hex(content).length, hex(content)));

describe("reading", () => {
  const skippable = hex("5e2a4d18 02000000 ffff");
  test.each([
    ["nothing", concat(STREAMED, block(RAW, 0, new Uint8Array(0))), ""],
    ["a raw block", concat(STREAMED, block(RAW, 3, text("abc"))), "abc"],
    ["a repeated byte", concat(STREAMED, block(RLE, 5, text("a"))), "aaaaa"],
    ["blocks in a row", concat(STREAMED, block(RLE, 2, text("a"), false), block(RAW, 1, text("b"))), "aab"],
    ["a single segment with its size", concat(MAGIC, hex("20 03"), block(RAW, 3, text("abc"))), "abc"],
    ["a size of 2 bytes", concat(MAGIC, hex("60 0100"), block(RLE, 257, text("x"))), "x".repeat(257)],
    ["a checksum, not checked", concat(MAGIC, hex("24 03"), block(RAW, 3, text("abc")), hex("12345678")), "abc"],
    ["a dictionary id of 0", concat(MAGIC, hex("21 00 03"), block(RAW, 3, text("abc"))), "abc"],
    ["raw literals without sequences", compressed("18 616263 00"), "abc"],
    ["repeated literals without sequences", compressed("29 61 00"), "aaaaa"],
    [
      "frames in a row",
      concat(skippable, STREAMED, block(RAW, 1, text("a")), STREAMED, block(RAW, 1, text("b"))),
      "ab",
    ],
  ])("%s", (_, frames, expected) => {
    expect(decode(frames)).toEqual(text(expected));
    expect(() => checkZstdFrames(frames, 0, frames.length)).not.toThrow();
  });

  test.each(["level1.zst", "level19.zst", "streamed.zst"])("%s of the zstd command", (name) => {
    const expected = recordLines(1100);
    const frame = fixture(name);
    expect(Buffer.compare(decode(frame, expected.length), expected)).toBe(0);
    expect(Buffer.compare(decode(concat(frame, frame)), concat(expected, expected))).toBe(0);
  });
});

describe("refused, by its frame alone:", () => {
  test.each([
    ["nothing", new Uint8Array(0), /header is cut short/],
    ["another magic", hex("28b52ffc 00 68 010000"), /magic of a frame/],
    ["a reserved bit", concat(MAGIC, hex("08 68 010000")), /reserved bit is set/],
    ["a dictionary", concat(MAGIC, hex("21 07 03"), block(RAW, 3, text("abc"))), /needs a dictionary/],
    ["a content size cut short", concat(MAGIC, hex("e0 00000000")), /header is cut short/],
    ["no last block", concat(STREAMED, block(RAW, 1, text("a"), false)), /no last block/],
    ["a raw block cut short", concat(STREAMED, block(RAW, 4, text("abc"))), /block is cut short/],
    ["a repeated byte cut off", concat(STREAMED, block(RLE, 4, new Uint8Array(0))), /block is cut short/],
    ["an unknown block", concat(STREAMED, block(3, 0, new Uint8Array(0))), /no known type/],
    ["a block above 128 KiB", concat(STREAMED, block(RLE, 131_073, text("a"))), /longer than its frame allows/],
    ["a block above its window", concat(MAGIC, hex("00 00"), block(RLE, 1025, text("a"))), /longer than its frame/],
    [
      "a checksum cut short",
      concat(MAGIC, hex("24 01"), block(RAW, 1, text("a")), hex("1234")),
      /checksum is cut short/,
    ],
    ["a skippable frame cut short", hex("502a4d18 04000000 aabbcc"), /skippable frame is cut short/],
    ["garbage behind the frame", concat(STREAMED, block(RAW, 1, text("a")), text("garbage")), /magic of a frame/],
  ])("%s", (_, frames, message) => {
    expect(() => decode(frames)).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT" }));
    expect(() => decode(frames)).toThrow(message);
    expect(() => checkZstdFrames(frames, 0, frames.length)).toThrow(message);
  });
});

describe("refused, by its contents:", () => {
  /** A Huffman table described by FSE with one symbol, which takes no bits: the weights would never end. */
  const endlessWeights = "42 4002 06 f003ffffff01 ff01 00";
  test.each([
    ["less than the content size", concat(MAGIC, hex("20 04"), block(RAW, 3, text("abc"))), /not as long as it says/],
    ["more than the content size", concat(MAGIC, hex("60 0000"), block(RLE, 255, text("x"))), /not as long as it says/],
    ["an empty block", compressed(""), /block is cut short/],
    ["raw literals cut short", compressed("20 616263"), /literals are cut short/],
    ["literals above 128 KiB", compressed("fdffff 61 00"), /literals are cut short/],
    ["no sequences section", compressed("18 616263"), /no sequences section/],
    ["bytes behind a block without sequences", compressed("18 616263 00 00"), /goes on behind its end/],
    ["a count of sequences cut short", compressed("18 616263 ff 00"), /block is cut short/],
    ["no modes", compressed("18 616263 01"), /block is cut short/],
    ["reserved modes", compressed("18 616263 01 01 80"), /reserved bit is set/],
    ["tables repeated from nowhere", compressed("18 616263 01 fc 80"), /repeat a table that there is not/],
    ["Huffman codes repeated from nowhere", compressed("43 4000 01 00"), /repeat a table that there is not/],
    ["a code that there is not", compressed("18 616263 01 54 24 00 00 80"), /a code that there is not/],
    ["no end in the bit stream", compressed("18 616263 01 54 00 00 00 00"), /bit stream has no end/],
    ["a match before the start", compressed("18 616263 01 54 03 02 00 07"), /before the start/],
    ["a bit stream cut short", compressed("18 616263 01 54 03 04 00 07"), /bit stream is cut short/],
    ["more literals than there are", compressed("18 616263 01 54 04 00 00 01"), /more literals than there are/],
    ["bits behind the last sequence", compressed("18 616263 01 54 03 00 00 02"), /go on behind their end/],
    ["Huffman weights without end", compressed(endlessWeights), /too many weights/],
  ])("%s", (_, frame, message) => {
    expect(() => decode(frame)).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT" }));
    expect(() => decode(frame)).toThrow(message);
  });

  test("sequences: literals, then a match at the repeated distance of 1", () => {
    expect(decode(compressed("18 616263 01 54 03 00 00 01"))).toEqual(text("abcccc"));
  });
});

describe("bombs", () => {
  const bomb = concat(
    STREAMED,
    ...new Array<Uint8Array>(2048).fill(block(RLE, 131_072, text("a"), false)),
    block(RAW, 0, new Uint8Array(0)),
  );

  test("256 MiB in 8 KiB stop at their bound", () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(() => decode(bomb, 1_000_000)).toThrow(/more than the 1000000 bytes allowed/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 << 20);
  });

  test("claims of a window and of a content take no memory", () => {
    const window = concat(MAGIC, hex("00 a0"), block(RAW, 1, text("a")));
    const content = concat(MAGIC, hex("a0 00000040"), block(RAW, 1, text("a")));
    const before = process.memoryUsage().arrayBuffers;
    expect(decode(window, 2 ** 30)).toEqual(text("a"));
    expect(() => decode(content, 2 ** 30)).toThrow(/not as long as it says/);
    expect(() => decode(content, 2 ** 29)).toThrow(/more than the 536870912 bytes allowed/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });

  test("a sequence that would pass the bound is not begun", () => {
    const long = compressed("18 616263 01 54 03 00 34 000001");
    expect(decode(long)).toEqual(text(`ab${"c".repeat(1 + 65_539)}`));
    expect(() => decode(long, 65_541)).toThrow(/more than the 65541 bytes allowed/);
    const aboveItsBlock = compressed("18 616263 01 54 03 00 34 ffff01");
    expect(() => decode(aboveItsBlock)).toThrow(/longer than its frame allows/);
  });
});
