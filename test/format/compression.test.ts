/** What holds for every codec: round trips, bounds, damage, and batches that other people's clients wrote. */
import { readFileSync } from "node:fs";
import * as zlib from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasCode, VarveError } from "../../src/errors.ts";
import {
  COMPRESSIONS,
  type Compression,
  canCompress,
  compress,
  decompress,
  type NativeZstd,
  nativeZstd,
} from "../../src/format/compression.ts";
import { crc32c } from "../../src/format/crc32c.ts";
import { decodeZstd } from "../../src/format/zstd.ts";
import { loadNative, type Native } from "../../src/native.ts";
import { batchesOf, golden } from "./golden.ts";
import { concat, hex, payloads, recordLines, text } from "./payloads.ts";

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/codecs/${name}`, import.meta.url)));

/** Both engines, where the module is built: what the one writes the other reads. */
const { native } = loadNative();
const engines: [string, Native | undefined][] = [
  ["ts", undefined],
  ...(native ? [["native", native] as [string, Native]] : []),
];
const cases = engines.flatMap(([name, engine]) =>
  COMPRESSIONS.filter((codec) => canCompress(codec, engine)).map((codec) => [codec, name, engine] as const),
);

function expectCorrupt(message: RegExp, action: () => unknown): void {
  let caught: unknown;
  try {
    action();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(VarveError);
  expect(caught).toMatchObject({ code: "VARVE_CORRUPT", message: expect.stringMatching(message) });
}

describe.each(cases)("%s in %s", (codec, _, engine) => {
  test("gives back what it was given, from anywhere in an array", () => {
    fc.assert(
      fc.property(payloads, fc.nat(9), (payload, shift) => {
        const around = concat(new Uint8Array(shift), payload, new Uint8Array(5).fill(0xff));
        const packed = compress(codec, around, shift, shift + payload.length, engine);
        const within = concat(new Uint8Array(shift).fill(0xee), packed, new Uint8Array(5).fill(0xee));
        for (const [, reader] of engines) {
          const unpacked = decompress(codec, within, shift, shift + packed.length, payload.length, reader);
          expect(Buffer.compare(unpacked, payload)).toBe(0);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("stops at maxBytes", () => {
    const payload = recordLines(2000);
    const packed = compress(codec, payload, 0, payload.length, engine);
    expect(decompress(codec, packed, 0, packed.length, payload.length, engine)).toHaveLength(payload.length);
    for (const maxBytes of [0, 1, 1000, 65536, payload.length - 1]) {
      expectCorrupt(new RegExp(`^the ${codec} data decompresses to more than the ${maxBytes} bytes allowed$`), () =>
        decompress(codec, packed, 0, packed.length, maxBytes, engine),
      );
    }
  });
});

describe("damage", () => {
  const payload = concat(recordLines(30), new Uint8Array(300), recordLines(10));
  const samples: [string, Compression, Uint8Array][] = [
    ...cases
      .filter(([codec]) => codec !== "none")
      .map(([codec, name, engine]) => [name, codec, compress(codec, payload, 0, payload.length, engine)] as const),
    ["zstd -1", "zstd", fixture("level1.zst")],
    ["zstd -19", "zstd", fixture("level19.zst")],
    ["lz4 -BD", "lz4", fixture("linked.lz4")],
  ].map(([name, codec, bytes]) => [name, codec, bytes] as [string, Compression, Uint8Array]);

  /**
   * Whether it was refused, by both engines. Anything but VARVE_CORRUPT or at most maxBytes of output fails the test, and so does
   * another outcome with the other engine: but zstd's own library lets some damage pass, as it does in node:zlib.
   */
  function refused(codec: Compression, bytes: Uint8Array, maxBytes: number): boolean {
    const [first, ...others] = engines.map(([, engine]) => outcomeOf(codec, bytes, maxBytes, engine));
    for (const other of others) if (codec !== "zstd" || typeof other === "string") expect(other).toBe(first);
    return typeof first === "string";
  }

  /** The sum of what it decompresses to, or the words with which it is refused. */
  function outcomeOf(codec: Compression, bytes: Uint8Array, maxBytes: number, engine?: Native): string | number {
    try {
      const unpacked = decompress(codec, bytes, 0, bytes.length, maxBytes, engine, null);
      if (unpacked.length > maxBytes) expect.fail(`${unpacked.length} bytes where ${maxBytes} are allowed`);
      return crc32c(unpacked, 0, unpacked.length) + unpacked.length * 2 ** 32;
    } catch (error) {
      if (!hasCode(error, "VARVE_CORRUPT")) throw error;
      return error.message;
    }
  }

  test.each(samples)("%s %s cut short anywhere is refused", (_, codec, bytes) => {
    const step = Math.ceil(bytes.length / 400);
    for (let length = 0; length < bytes.length; length += step) {
      // Only snappy's framing can end between two blocks; this sample has one.
      if (codec === "snappy" && length === 16) continue;
      expect(refused(codec, bytes.slice(0, length), 200_000), `${length} of ${bytes.length}`).toBe(true);
    }
    expect(refused(codec, bytes, 200_000)).toBe(false);
  });

  test.each(samples)("%s %s with a byte changed is refused, or stays within its bound", (_, codec, bytes) => {
    const place = fc.oneof(fc.nat(Math.min(99, bytes.length - 1)), fc.nat(bytes.length - 1));
    fc.assert(
      fc.property(place, fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = bytes.slice();
        changed[at] ^= change;
        refused(codec, changed, 80_000);
      }),
      { numRuns: 300 },
    );
  });

  test.each(cases.filter(([codec]) => codec !== "none"))(
    "%s in %s: noise behind a good beginning",
    (codec, _, engine) => {
      const good = compress(codec, payload, 0, payload.length, engine);
      fc.assert(
        fc.property(fc.nat(good.length), fc.uint8Array({ maxLength: 200 }), (keep, rest) => {
          refused(codec, concat(good.subarray(0, keep), rest), 80_000);
        }),
        { numRuns: 300 },
      );
    },
  );
});

describe("gzip", () => {
  test("256 MiB of zeros in many members", () => {
    const member = zlib.gzipSync(new Uint8Array(1 << 20));
    const bomb = concat(...new Array<Uint8Array>(256).fill(member));
    expectCorrupt(/gzip data decompresses to more than the 1048577 bytes/, () =>
      decompress("gzip", bomb, 0, bomb.length, (1 << 20) + 1),
    );
  });

  test("says what zlib says", () => {
    expectCorrupt(/^the gzip data is damaged: incorrect header check$/, () =>
      decompress("gzip", text("no gzip at all"), 0, 14, 100),
    );
  });
});

describe("zstd and the runtime", () => {
  const frame = fixture("level1.zst");
  const lines = recordLines(1100);

  test("is found where zlib has both calls", () => {
    const calls = { zstdCompressSync: () => lines, zstdDecompressSync: () => lines };
    expect(nativeZstd(calls)).toEqual(calls);
    expect(nativeZstd({ zstdDecompressSync: calls.zstdDecompressSync })).toBeNull();
    expect(canCompress("zstd", undefined, calls)).toBe(true);
    expect(compress("zstd", lines, 0, 5, undefined, calls)).toBe(lines);
  });

  test("without it, encoding names what is missing and decoding works", () => {
    expect(COMPRESSIONS.map((codec) => canCompress(codec, undefined, null))).toEqual([true, true, true, true, false]);
    expect(() => compress("zstd", lines, 0, lines.length, undefined, null)).toThrow(
      expect.objectContaining({
        code: "VARVE_CODEC_UNAVAILABLE",
        message: expect.stringMatching(/Node 22\.15.*another codec \(gzip, snappy or lz4\)/),
      }),
    );
    expect(decompress("zstd", frame, 0, frame.length, lines.length, undefined, null)).toEqual(lines);
  });

  test("with it, its errors and its silence on cut frames become ours", () => {
    const answering = (answer: () => Uint8Array): NativeZstd => ({
      zstdCompressSync: answer,
      zstdDecompressSync: answer,
    });
    const failing = (code: string) =>
      answering(() => {
        throw Object.assign(new Error("as zlib says"), { code });
      });
    const decode = (zstd: NativeZstd, end = frame.length) => decompress("zstd", frame, 0, end, 100, undefined, zstd);
    expectCorrupt(/decompresses to more than the 100 bytes/, () => decode(failing("ERR_BUFFER_TOO_LARGE")));
    expectCorrupt(/damaged: as zlib says/, () => decode(failing("ZSTD_error_corruption_detected")));
    expectCorrupt(/damaged: a block is cut short/, () =>
      decode(
        answering(() => lines.subarray(0, 10)),
        1000,
      ),
    );
  });

  test.skipIf(!canCompress("zstd", native))("what it writes, our own decoder reads", () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        const packed = compress("zstd", payload, 0, payload.length, native);
        expect(Buffer.compare(decodeZstd(packed, 0, packed.length, payload.length), payload)).toBe(0);
      }),
      { numRuns: 30 },
    );
  });
});

describe("batches that Kafka and librdkafka wrote", () => {
  const HEADER = 61;
  const ATTRIBUTES = 21;

  function unpack(folder: string): { codecs: Set<Compression>; records: Uint8Array } {
    const log = golden(`${folder}/00000000000000000000.log`);
    const codecs = new Set<Compression>();
    const parts = batchesOf(log).map(({ position, size }) => {
      const codec = COMPRESSIONS[log[position + ATTRIBUTES + 1] & 7];
      codecs.add(codec);
      return decompress(codec, log, position + HEADER, position + size, 1 << 20);
    });
    return { codecs, records: concat(...parts) };
  }

  test.each(["gzip", "snappy", "lz4", "zstd"] as const)("%s holds the records of the uncompressed topic", (codec) => {
    const { codecs, records } = unpack(`g-${codec}-0`);
    expect([...codecs]).toEqual([codec]);
    expect(Buffer.compare(records, unpack("g-none-0").records)).toBe(0);
  });

  test.each(["gzip", "snappy", "lz4", "zstd"] as const)("%s by librdkafka holds its values in order", (codec) => {
    const { codecs, records } = unpack(`g-rdk-${codec}-0`);
    expect(codecs).toContain(codec);
    const expected = JSON.parse(new TextDecoder().decode(golden("expected.json")));
    const content = Buffer.from(records);
    let at = 0;
    for (const { value } of expected.read_uncommitted[`g-rdk-${codec}-0`].records) {
      if (value === null) continue;
      const found = content.indexOf(Buffer.from(value, "base64"), at);
      expect(found).toBeGreaterThanOrEqual(at);
      at = found;
    }
    expect(at).toBeGreaterThan(0);
  });

  test("the header of our lz4 frame is the one that Kafka's client writes", () => {
    const log = golden("g-lz4-0/00000000000000000000.log");
    expect(compress("lz4", text("abc"), 0, 3).subarray(0, 7)).toEqual(log.subarray(HEADER, HEADER + 7));
    expect(log.subarray(HEADER, HEADER + 7)).toEqual(hex("04224d18 60 40 82"));
  });
});
