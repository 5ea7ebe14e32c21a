import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeSnappy, encodeRawSnappy, encodeSnappy } from "../../src/format/snappy.ts";
import { concat, hex, noise, payloads, recordLines, text } from "./payloads.ts";

const XERIAL = hex("82 534e41505059 00 00000001 00000001");

const decode = (bytes: Uint8Array, maxBytes = 1 << 20) => decodeSnappy(bytes, 0, bytes.length, maxBytes);

describe("raw", () => {
  test.each([
    ["nothing", "00", ""],
    ["a literal", "03 08 616263", "abc"],
    ["a literal with 1 byte of length", "03 f0 02 616263", "abc"],
    ["a literal with 4 bytes of length", "03 fc 02000000 616263", "abc"],
    ["a short copy over itself", "0a 04 6162 11 02", "ababababab"],
    ["a copy with 16 bits of distance", "06 08 616263 0a 0300", "abcabc"],
    ["a copy with 32 bits of distance", "06 08 616263 0b 03000000", "abcabc"],
  ])("%s", (_, bytes, expected) => {
    expect(decode(hex(bytes))).toEqual(text(expected));
  });

  test.each([
    ["no bytes at all", "", /its length is cut short/],
    ["a length without an end", "ffffffffff01", /its length is cut short or longer/],
    ["a length of more than 32 bits", "ffffffff7f", /its length is cut short or longer/],
    ["a length that so few bytes can't hold", "ffff3f 00 61", /more than its bytes can hold/],
    ["a literal that goes on behind the end", "05 10 6162", /a literal is cut short/],
    ["a literal whose length is cut", "05 f4 00", /a literal is cut short/],
    ["more than the length says", "02 08 616263", /more than its length says/],
    ["a copy of more than the length says", "05 04 6162 11 02", /more than its length says/],
    ["less than the length says", "04 08 616263", /less than its length says/],
    ["a copy cut in its distance", "06 08 616263 0a 03", /a copy is cut short/],
    ["a short copy without its distance", "06 08 616263 09", /a copy is cut short/],
    ["a distance of 0", "06 08 616263 0a 0000", /reaches before the start/],
    ["a distance before the start", "06 08 616263 0a 0400", /reaches before the start/],
    ["a distance above 2^31", "06 08 616263 0b ffffffff", /reaches before the start/],
  ])("%s is refused", (_, bytes, message) => {
    expect(() => decode(hex(bytes))).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT" }));
    expect(() => decode(hex(bytes))).toThrow(message);
  });

  test("both ways", () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        const packed = encodeRawSnappy(payload, 0, payload.length);
        expect(Buffer.compare(decode(packed, payload.length), payload)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe("xerial", () => {
  test("what we write: the header, then blocks of 32 KiB", () => {
    const payload = noise(1, 70_000);
    const packed = encodeSnappy(payload, 0, payload.length);
    expect(packed.subarray(0, 16)).toEqual(XERIAL);
    const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
    const blocks: Uint8Array[] = [];
    for (let at = 16; at < packed.length; ) {
      const length = view.getInt32(at);
      blocks.push(decode(packed.slice(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    expect(blocks.map((block) => block.length)).toEqual([32768, 32768, 4464]);
    expect(concat(...blocks)).toEqual(payload);
  });

  test("repetitions are found, noise grows by little", () => {
    const lines = recordLines(2000);
    expect(encodeSnappy(lines, 0, lines.length).length).toBeLessThan(lines.length * 0.4);
    const random = noise(1, 100_000);
    expect(encodeSnappy(random, 0, random.length).length).toBeLessThan(random.length + 100);
  });

  test("streams joined end to end", () => {
    const one = encodeSnappy(text("one, one, one"), 0, 13);
    expect(decode(concat(one, one, XERIAL))).toEqual(text("one, one, oneone, one, one"));
  });

  test.each([
    ["a length cut short", "000000", /a block is cut short/],
    ["a block longer than the rest", "00000005 03 08 61", /a block is cut short/],
    ["a negative length", "ffffffff 03 08 616263", /a block is cut short/],
    ["a block that is damaged", "00000005 04 08 616263", /less than its length says/],
    ["a copy into the block before", "00000005 03 08 616263 00000004 03 0a 0300", /reaches before the start/],
  ])("%s is refused", (_, bytes, message) => {
    expect(() => decode(concat(XERIAL, hex(bytes)))).toThrow(message);
  });
});

test("a length alone takes no memory", () => {
  const claim = hex("ffffffff03 00 61"); // 1 GiB
  const before = process.memoryUsage().arrayBuffers;
  expect(() => decodeSnappy(claim, 0, claim.length, 2 ** 30)).toThrow(/more than its bytes can hold/);
  const framed = concat(XERIAL, hex("00000007"), claim);
  expect(() => decodeSnappy(framed, 0, framed.length, 2 ** 30)).toThrow(/more than its bytes can hold/);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
});
