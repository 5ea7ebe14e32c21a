import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeLz4, encodeLz4 } from "../../src/format/lz4.ts";
import { xxhash32 } from "../../src/format/xxhash32.ts";
import { concat, hex, noise, recordLines, text } from "./payloads.ts";

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/codecs/${name}`, import.meta.url)));

const decode = (bytes: Uint8Array, maxBytes = 1 << 20) => decodeLz4(bytes, 0, bytes.length, maxBytes);

const INDEPENDENT = 0x60;
const LINKED = 0x40;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

const hash = (bytes: Uint8Array): Uint8Array => uint32(xxhash32(bytes, 0, bytes.length));

function header(flags: number, contentSize = 0, blockCode = 4): Uint8Array {
  const size = flags & CONTENT_SIZE ? concat(uint32(contentSize), uint32(contentSize / 2 ** 32)) : new Uint8Array(0);
  const body = concat(Uint8Array.of(flags, blockCode << 4), size);
  return concat(hex("04224d18"), body, hash(body).subarray(1, 2));
}

const block = (content: string): Uint8Array => concat(uint32(hex(content).length), hex(content));
const stored = (content: Uint8Array): Uint8Array => concat(uint32(content.length | 0x80000000), content);
const END = uint32(0);

/** "abcdefgh", then its 8 bytes again and 5 literals. */
const BLOCK = "84 6162636465666768 0800 50 2e2e2e2e2e";
const CONTENT = text("abcdefghabcdefgh.....");

describe("reading", () => {
  test.each([
    ["an empty frame", concat(header(INDEPENDENT), END), ""],
    ["a block", concat(header(INDEPENDENT), block(BLOCK), END), CONTENT],
    ["a stored block", concat(header(INDEPENDENT), stored(CONTENT), END), CONTENT],
    ["two blocks", concat(header(INDEPENDENT), block(BLOCK), stored(text("-")), END), concat(CONTENT, text("-"))],
    ["a linked block", concat(header(LINKED), stored(text("abcdefgh")), block("04 0800 50 2e2e2e2e2e"), END), CONTENT],
    [
      "two frames",
      concat(header(LINKED), block(BLOCK), END, header(INDEPENDENT), stored(text("-")), END),
      "abcdefghabcdefgh.....-",
    ],
    ["a skippable frame", concat(hex("532a4d18 03000000 aabbcc"), header(LINKED), block(BLOCK), END), CONTENT],
    [
      "all sizes and checksums",
      concat(
        header(INDEPENDENT | BLOCK_CHECKSUM | CONTENT_SIZE | CONTENT_CHECKSUM, CONTENT.length),
        concat(block(BLOCK), hash(hex(BLOCK))),
        END,
        hash(CONTENT),
      ),
      CONTENT,
    ],
    [
      "a long match over itself",
      concat(header(INDEPENDENT), block("1f 61 0100 ff 10 50 2e2e2e2e2e"), END),
      `${"a".repeat(1 + 19 + 255 + 16)}.....`,
    ],
  ])("%s", (_, frame, expected) => {
    expect(decode(frame)).toEqual(typeof expected === "string" ? text(expected) : expected);
  });

  test.each(["linked.lz4", "independent.lz4"])("%s of the lz4 command", (name) => {
    const expected = recordLines(1100);
    const unpacked = decode(fixture(name), expected.length);
    expect(Buffer.compare(unpacked, expected)).toBe(0);
  });
});

describe("refused:", () => {
  const sized = INDEPENDENT | CONTENT_SIZE;
  const small = concat(header(INDEPENDENT), block(BLOCK));
  const badHeader = header(INDEPENDENT);
  badHeader[6] ^= 1;
  test.each([
    ["nothing", new Uint8Array(0), /header is cut short/],
    ["another magic", hex("05224d18 60 40 82 00000000"), /magic of a frame/],
    ["another version", concat(header(0x20), END), /version is unknown/],
    ["a reserved flag", concat(header(INDEPENDENT | 2), END), /version is unknown/],
    ["a dictionary", concat(header(INDEPENDENT | 1), END), /needs a dictionary/],
    ["an unknown block size", concat(header(INDEPENDENT, 0, 3), END), /block size is unknown/],
    ["a wrong header checksum", concat(badHeader, END), /checksum of its header is wrong/],
    ["a content size cut short", header(sized, 5).subarray(0, 10), /header is cut short/],
    ["no end mark", small, /no end mark/],
    ["a block longer than the rest", concat(header(INDEPENDENT), uint32(9), text("short")), /block is cut short/],
    ["less than the content size", concat(header(sized, 22), block(BLOCK), END), /not as long as it says/],
    ["more than the content size", concat(header(sized, 20), block(BLOCK), END), /not as long as it says/],
    ["a content size above maxBytes", concat(header(sized, 2 ** 40), block(BLOCK), END), /more than the 1048576 bytes/],
    [
      "a wrong block checksum",
      concat(header(INDEPENDENT | BLOCK_CHECKSUM), block(BLOCK), hash(CONTENT), END),
      /checksum is wrong/,
    ],
    [
      "a wrong content checksum",
      concat(header(INDEPENDENT | CONTENT_CHECKSUM), block(BLOCK), END, hash(hex(BLOCK))),
      /checksum is wrong/,
    ],
    ["no content checksum", concat(header(INDEPENDENT | CONTENT_CHECKSUM), block(BLOCK), END), /checksum is cut short/],
    ["garbage behind the frame", concat(small, END, text("garbage")), /magic of a frame/],
    ["a skippable frame cut short", hex("502a4d18 04000000 aabbcc"), /skippable frame is cut short/],
    ["literals cut short", concat(header(INDEPENDENT), block("50 2e2e"), END), /literals are cut short/],
    ["a literal length without end", concat(header(INDEPENDENT), block("f0 ffff"), END), /literals are cut short/],
    ["a match cut short", concat(header(INDEPENDENT), block("14 61 01"), END), /match is cut short/],
    ["a match at the end", concat(header(INDEPENDENT), block("14 61 0100"), END), /does not end in literals/],
    ["a distance of 0", concat(header(INDEPENDENT), block("14 61 0000 50 2e2e2e2e2e"), END), /before the start/],
    [
      "a match into the block before, though independent",
      concat(header(INDEPENDENT), stored(text("abcdefgh")), block("04 0800 50 2e2e2e2e2e"), END),
      /before the start/,
    ],
    [
      "a match into the frame before, though linked",
      concat(header(LINKED), stored(text("abcdefgh")), END, header(LINKED), block("04 0800 50 2e2e2e2e2e"), END),
      /before the start/,
    ],
    [
      "a block of more than 64 KiB",
      concat(header(INDEPENDENT), block(`1f 61 0100 ${"ff".repeat(258)} 10 50 2e2e2e2e2e`), END),
      /longer than its frame allows/,
    ],
    [
      "a stored block of more than 64 KiB",
      concat(header(INDEPENDENT), stored(new Uint8Array(65537)), END),
      /longer than its frame allows/,
    ],
  ])("%s", (_, frame, message) => {
    expect(() => decode(frame)).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT" }));
    expect(() => decode(frame)).toThrow(message);
  });
});

describe("writing", () => {
  test("blocks of 64 KiB, stored where they do not shrink", () => {
    const payload = concat(noise(1, 65536), new Uint8Array(65536), noise(2, 10));
    const frame = encodeLz4(payload, 0, payload.length);
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const words: number[] = [];
    let at = 7;
    for (let word = view.getUint32(at, true); word !== 0; word = view.getUint32(at, true)) {
      words.push(word);
      at += 4 + (word & 0x7fffffff);
    }
    expect(at + 4).toBe(frame.length);
    expect([words[0], words[2]]).toEqual([0x80010000, 0x8000000a]);
    expect(words[1]).toBeLessThan(300);
    expect(words).toHaveLength(3);
  });

  test("repetitions are found", () => {
    const lines = recordLines(2000);
    expect(encodeLz4(lines, 0, lines.length).length).toBeLessThan(lines.length * 0.4);
  });

  /** Other decoders insist on it: 5 literals at the end of a block, no match that starts in its last 12 bytes. */
  test.each([12, 13, 14, 17, 18, 30, 300])("the end rules for %i equal bytes", (length) => {
    const payload = new Uint8Array(length).fill(0x61);
    const frame = encodeLz4(payload, 0, length);
    expect(decode(frame, length)).toEqual(payload);
    const isStored = (frame[10] & 0x80) !== 0;
    if (isStored) return;
    // The last sequence of these blocks is a token, then its literals.
    const literals = frame.length - 4 - (frame.lastIndexOf(0x50) + 1);
    expect(literals).toBe(5);
    expect(length).toBeGreaterThan(12);
  });
});

test("a bomb stops at its bound, and a claim takes no memory", () => {
  const zeros = new Uint8Array(1 << 26);
  const bomb = encodeLz4(zeros, 0, zeros.length);
  const claim = concat(header(INDEPENDENT | CONTENT_SIZE, 2 ** 30), block(BLOCK), END);
  const before = process.memoryUsage().arrayBuffers;
  expect(() => decode(bomb, 100_000)).toThrow(/more than the 100000 bytes allowed/);
  expect(() => decode(claim, 2 ** 30)).toThrow(/not as long as it says/);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
});
