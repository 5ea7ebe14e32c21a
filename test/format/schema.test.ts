import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { MessageReader } from "../../src/format/message-reader.ts";
import { MessageWriter } from "../../src/format/message-writer.ts";
import * as s from "../../src/format/schema.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
}

describe("the bytes of each type", () => {
  const uuid = "ILNjCO80TIyDnxqwx11SBg";
  const rows: [name: string, type: s.Type<unknown>, value: unknown, bytes: string][] = [
    ["int8", s.int8, -2, "fe"],
    ["int16", s.int16, -2, "fffe"],
    ["uint16", s.uint16, 0xfffe, "fffe"],
    ["int32", s.int32, -2, "fffffffe"],
    ["uint32", s.uint32, 0xffff_fffe, "fffffffe"],
    ["int64", s.int64, -2, "fffffffffffffffe"],
    ["int64, the largest", s.int64, Number.MAX_SAFE_INTEGER, "001fffffffffffff"],
    ["int64, the smallest", s.int64, Number.MIN_SAFE_INTEGER, "ffe0000000000001"],
    ["varint", s.varint, 300, "d804"],
    ["varint, the smallest", s.varint, -0x8000_0000, "ffffffff0f"],
    ["uvarint", s.uvarint, 300, "ac02"],
    ["uvarint, the largest", s.uvarint, 0xffff_ffff, "ffffffff0f"],
    ["varlong", s.varlong, -1, "01"],
    ["varlong, the largest", s.varlong, Number.MAX_SAFE_INTEGER, "feffffffffffff1f"],
    ["varlong, the smallest", s.varlong, Number.MIN_SAFE_INTEGER, "fdffffffffffff1f"],
    ["bool", s.bool, true, "01"],
    ["float64", s.float64, -1.5, "bff8000000000000"],
    ["uuid", s.uuid, uuid, "20b36308ef344c8c839f1ab0c75d5206"],
    ["string", s.string, "é€", "0005c3a9e282ac"],
    ["string with the replacement character", s.string, "\ufffd", "0003efbfbd"],
    ["string with a byte order mark", s.string, "\ufeffa", "0004efbbbf61"],
    ["nullableString", s.nullableString, null, "ffff"],
    ["compactString", s.compactString, "ab", "036162"],
    ["compactNullableString", s.compactNullableString, null, "00"],
    ["bytes", s.bytes, Uint8Array.of(7, 8), "000000020708"],
    ["nullableBytes", s.nullableBytes, null, "ffffffff"],
    ["compactBytes", s.compactBytes, Uint8Array.of(7, 8), "030708"],
    ["compactNullableBytes", s.compactNullableBytes, null, "00"],
    ["array", s.array(s.int8), [1, 2], "000000020102"],
    ["nullableArray", s.nullableArray(s.int8), null, "ffffffff"],
    ["nullableArray, empty", s.nullableArray(s.int8), [], "00000000"],
    ["compactArray", s.compactArray(s.int8), [1, 2], "030102"],
    ["compactNullableArray", s.compactNullableArray(s.int8), null, "00"],
    ["nullableStruct", s.nullableStruct(s.struct({ a: s.int8 })), { a: 5 }, "0105"],
    ["nullableStruct, null", s.nullableStruct(s.struct({ a: s.int8 })), null, "ff"],
  ];

  test.each(rows)("%s", (_, type, value, bytes) => {
    expect(hex(s.write(type, value))).toBe(bytes);
    expect(s.read(type, unhex(bytes))).toEqual(value);
  });

  test.each(rows)("%s: cut at any byte, or with a byte more", (_, type, _value, bytes) => {
    const whole = unhex(bytes);
    for (let length = 0; length < whole.length; length++) {
      expect(codeOf(() => s.read(type, whole.subarray(0, length)))).toBe("VARVE_CORRUPT");
    }
    expect(codeOf(() => s.read(type, new Uint8Array([...whole, 0])))).toBe("VARVE_CORRUPT");
  });

  test("bytes are views of the input, whatever its class", () => {
    const input = Buffer.from("00000002070809", "hex");
    const value = s.read(s.bytes, input, 0, 0, 6);
    expect(value.constructor).toBe(Uint8Array);
    input[4] = 9;
    expect(value).toEqual(Uint8Array.of(9, 8));
  });
});

describe("versions", () => {
  const Message = s.struct({
    name: s.string,
    old: s.until(1, s.int8, 7),
    middle: s.until(2, s.since(1, s.int16, -1)),
    young: s.since(2, s.nullableString, "none"),
    list: s.since(3, s.array(s.int8)),
  });

  test("types: read has every field, write may leave out what a version may lack", () => {
    expectTypeOf<s.Infer<typeof Message>>().toEqualTypeOf<{
      name: string;
      old: number;
      middle: number;
      young: string | null;
      list: number[];
    }>();
    expectTypeOf<s.Input<typeof Message>>().toEqualTypeOf<{
      name: string;
      old?: number | undefined;
      middle?: number | undefined;
      young?: string | null | undefined;
      list?: readonly number[] | undefined;
    }>();
  });

  test.each([
    [0, "0001610b", { name: "a", old: 11, middle: -1, young: "none", list: [] }],
    [1, "0001610b0005", { name: "a", old: 11, middle: 5, young: "none", list: [] }],
    [2, "0001610005ffff", { name: "a", old: 7, middle: 5, young: null, list: [] }],
    [3, "000161ffff0000000109", { name: "a", old: 7, middle: -1, young: null, list: [9] }],
  ])("version %i", (version, bytes, seen) => {
    const value = { name: "a", old: 11, middle: 5, young: null, list: [9] };
    expect(hex(s.write(Message, value, version))).toBe(bytes);
    expect(s.read(Message, unhex(bytes), version)).toEqual(seen);
  });

  test("what is left out is written as its default", () => {
    expect(hex(s.write(Message, { name: "" }, 1))).toBe("000007ffff");
    expect(hex(s.write(Message, { name: "" }, 3))).toBe("000000046e6f6e6500000000");
  });

  test("a default list is not shared", () => {
    s.read(Message, unhex("00000b"), 0).list.push(1);
    expect(s.read(Message, unhex("00000b"), 0).list).toEqual([]);
  });
});

describe("flexible versions", () => {
  const Inner = s.struct({ id: s.int8, note: s.tagged(1, 2, s.string) });
  const Message = s.flexible(
    2,
    s.struct({
      leader: s.tagged(3, 2, s.struct({ id: s.since(0, s.int32, -1) })),
      epoch: s.tagged(0, 3, s.int32, -1),
      name: s.nullableString,
      clientId: s.flexible(Number.POSITIVE_INFINITY, s.string),
      inner: s.array(Inner),
      data: s.bytes,
    }),
  );
  const value = {
    name: "n",
    clientId: "c",
    inner: [{ id: 1, note: "x" }, { id: 2 }],
    data: Uint8Array.of(9),
    epoch: 5,
    leader: { id: 6 },
  };

  test("types", () => {
    expectTypeOf<s.Infer<typeof Message>["inner"]>().toEqualTypeOf<{ id: number; note: string }[]>();
    expectTypeOf<s.Infer<typeof Message>["epoch"]>().toEqualTypeOf<number>();
    expectTypeOf<s.Input<typeof Message>["epoch"]>().toEqualTypeOf<number | undefined>();
  });

  test("before: plain lengths, no tags", () => {
    const bytes = "00016e 000163 00000002 01 02 0000000109";
    expect(hex(s.write(Message, value, 1))).toBe(bytes.replaceAll(" ", ""));
    expect(s.read(Message, unhex(bytes), 1)).toEqual({
      name: "n",
      clientId: "c",
      inner: [
        { id: 1, note: "" },
        { id: 2, note: "" },
      ],
      data: Uint8Array.of(9),
      epoch: -1,
      leader: { id: -1 },
    });
  });

  test("from then on: compact lengths, tags in every struct, ascending; each tag from its version on", () => {
    const body = "026e 000163 03 01 01 01 02 0278 02 00 0209";
    expect(hex(s.write(Message, value, 2))).toBe(`${body} 01 03 05 00000006 00`.replaceAll(" ", ""));
    expect(hex(s.write(Message, value, 3))).toBe(`${body} 02 00 04 00000005 03 05 00000006 00`.replaceAll(" ", ""));
    expect(s.read(Message, s.write(Message, value, 2), 2)).toMatchObject({ epoch: -1, leader: { id: 6 } });
    expect(s.read(Message, s.write(Message, value, 3), 3)).toEqual({
      ...value,
      inner: [
        { id: 1, note: "x" },
        { id: 2, note: "" },
      ],
    });
  });

  test("a tagged field that has its default is not written", () => {
    const plain = { ...value, inner: [], epoch: -1, leader: { id: -1 } };
    expect(hex(s.write(Message, plain, 3))).toBe("026e 000163 01 0209 00".replaceAll(" ", ""));
  });

  test("unknown tags are skipped and kept out", () => {
    const Tagged = s.flexible(0, s.struct({ list: s.compactArray(s.int8), epoch: s.tagged(0, 0, s.int32, -1) }));
    const read = s.read(Tagged, unhex("02 01 03 00 04 00000005 05 03 aabbcc ffffffff0f 00"));
    expect(read).toEqual({ list: [1], epoch: 5 });
    expect(Object.keys(read)).toEqual(["list", "epoch"]);
  });

  test.each([
    ["more tags than bytes", "01 ffffffff0f 00 00"],
    ["a tag larger than the rest", "01 01 07 05 aa"],
    ["a known tag that is too long", "01 01 00 05 0000000500"],
    ["a known tag that is too short", "01 01 00 03 00000005"],
    ["an endless varint for a count", `01 ${"ff".repeat(20)}`],
  ])("%s", (_, bytes) => {
    const Tagged = s.flexible(0, s.struct({ list: s.array(s.int8), epoch: s.tagged(0, 0, s.int32, -1) }));
    expect(codeOf(() => s.read(Tagged, unhex(bytes)))).toBe("VARVE_CORRUPT");
  });

  test("a tagged field of more than 127 bytes has a two-byte size", () => {
    const Tagged = s.flexible(0, s.struct({ data: s.tagged(0, 0, s.bytes) }));
    const data = new Uint8Array(300).fill(7);
    const bytes = s.write(Tagged, { data });
    expect(hex(bytes.subarray(0, 6))).toBe("0100ae02ad02");
    expect(s.read(Tagged, bytes)).toEqual({ data });
  });
});

describe("hostile input", () => {
  const Rows = s.struct({ rows: s.array(s.struct({ a: s.int32, b: s.string })) });
  test.each([
    ["an array of 2^31-1 in a 20-byte frame", Rows, `7fffffff${"00".repeat(16)}`],
    ["a compact array of 2^32-2", s.compactArray(s.int8), `ffffffff0f${"00".repeat(16)}`],
    ["an array of -2", Rows, "fffffffe"],
    ["a null array where none may be", Rows, "ffffffff"],
    ["a string of -2", s.nullableString, "fffe"],
    ["a null string where none may be", s.string, "ffff"],
    ["a null compact string where none may be", s.compactString, "00"],
    ["bytes of 2^31-1", s.bytes, "7fffffff00"],
    ["bytes of -2^31", s.nullableBytes, "8000000000"],
    ["an endless varint", s.varint, "ff".repeat(40)],
    ["an endless varlong", s.varlong, "ff".repeat(40)],
    ["an endless uvarint", s.uvarint, "ff".repeat(40)],
    ["a uvarint of 33 bits", s.uvarint, "ffffffff1f"],
    ["a string that is not UTF-8", s.string, "0002c328"],
    ["a string cut inside a character", s.string, "0001c3"],
  ])("%s", (_, type, bytes) => {
    const call = () => s.read(type as s.Type<unknown>, unhex(bytes));
    expect(call).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT", position: expect.any(Number) }));
  });

  test("a count is compared with the bytes that are left before any element is read", () => {
    const call = () => s.read(Rows, unhex(`7fffffff${"00".repeat(16)}`));
    expect(call).toThrow("the length of an array is 2147483647, but 16 bytes are left, at position 4 in field rows");
  });

  test("an error names the position and the field", () => {
    const call = () => s.read(Rows, unhex("00000002 00000001 0000 00000001 0009 61"));
    expect(call).toThrow(/length of a string is 9, but 1 bytes are left, at position 16 in field b/);
  });

  test("any bytes are read or refused with a code", () => {
    const Message = s.flexible(
      1,
      s.struct({ a: s.varint, b: s.nullableString, c: s.array(s.struct({ d: s.uuid })), e: s.tagged(0, 1, s.varlong) }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(1), (bytes, version) => {
        expect(["none", "VARVE_CORRUPT", "VARVE_UNSAFE_INTEGER"]).toContain(
          codeOf(() => s.read(Message, bytes, version)),
        );
      }),
    );
  });

  test("fields are those of the schema, and none is __proto__", () => {
    expect(codeOf(() => s.struct({ ["__proto__"]: s.int8 }))).toBe("VARVE_INVALID_ARGUMENT");
    const value = s.read(s.struct({ constructor: s.int8, toString: s.int8 }), unhex("0102"));
    expect(Object.entries(value)).toEqual([
      ["constructor", 1],
      ["toString", 2],
    ]);
  });
});

describe("int64 outside the safe integers", () => {
  test.each([
    ["0020000000000000", "9007199254740992"],
    ["ffe0000000000000", "-9007199254740992"],
    ["7fffffffffffffff", "9223372036854775807"],
    ["8000000000000000", "-9223372036854775808"],
  ])("%s", (bytes, decimal) => {
    const call = () => s.read(s.int64, unhex(bytes));
    expect(call).toThrow(expect.objectContaining({ code: "VARVE_UNSAFE_INTEGER", position: 0 }));
    expect(call).toThrow(decimal);
    expect(s.read(s.int64, unhex(bytes), 0, 0, 8, { unsafe: "string" })).toBe(decimal);
  });

  test("varlong", () => {
    const bytes = unhex("ffffffffffffffffff01");
    expect(codeOf(() => s.read(s.varlong, bytes))).toBe("VARVE_UNSAFE_INTEGER");
    expect(s.read(s.varlong, bytes, 0, 0, 10, { unsafe: "string" })).toBe("-9223372036854775808");
  });

  test("is not written either", () => {
    expect(codeOf(() => s.write(s.int64, 2 ** 53))).toBe("VARVE_UNSAFE_INTEGER");
    expect(codeOf(() => s.write(s.varlong, -(2 ** 53)))).toBe("VARVE_UNSAFE_INTEGER");
  });
});

describe("a writer refuses what does not fit", () => {
  test.each<[s.Type<unknown>, unknown]>([
    [s.int8, 128],
    [s.int8, 1.5],
    [s.int16, -0x8001],
    [s.uint16, -1],
    [s.int32, 2 ** 31],
    [s.uint32, -1],
    [s.varint, 2 ** 31],
    [s.uvarint, -1],
    [s.int64, "1"],
    [s.int64, Number.NaN],
    [s.float64, null],
    [s.bool, 1],
    [s.uuid, "short"],
    [s.string, null],
    [s.string, "x".repeat(0x8000)],
    [s.compactString, "é".repeat(0x4000)],
    [s.bytes, "text"],
    [s.array(s.int8), null],
    [s.array(s.int8), { length: 1 }],
    [s.struct({ a: s.int8 }), null],
    [s.struct({ a: s.int8 }), {}],
  ])("%o %o", (type, value) => {
    expect(codeOf(() => s.write(type, value))).toBe("VARVE_INVALID_ARGUMENT");
  });

  test("and names the field", () => {
    const call = () => s.write(s.struct({ a: s.int8, b: s.array(s.struct({ c: s.int8 })) }), { a: 1, b: [{ c: 999 }] });
    expect(call).toThrow("field c: an integer from -128 to 127 expected, not 999");
  });
});

test("a header and a body in one frame: the cursors go on where they stood", () => {
  const Header = s.struct({ apiKey: s.int16, clientId: s.nullableString });
  const Body = s.struct({ topics: s.array(s.string) });
  const to = new MessageWriter(0, 1);
  Header.write(to, { apiKey: 3, clientId: "me" });
  Body.write(to, { topics: ["a", "b"] });
  const from = new MessageReader(to.written());
  expect(Header.read(from)).toEqual({ apiKey: 3, clientId: "me" });
  expect(Body.read(from)).toEqual({ topics: ["a", "b"] });
  expect(from.remaining).toBe(0);
});

test("what is written is read again, in every version", () => {
  const Message = s.flexible(
    2,
    s.struct({
      numbers: s.array(s.struct({ a: s.int8, b: s.uint16, c: s.int32, d: s.uint32, e: s.int64, f: s.varlong })),
      texts: s.nullableArray(s.nullableString),
      blobs: s.compactArray(s.nullableBytes),
      flag: s.bool,
      ratio: s.float64,
      extra: s.tagged(9, 2, s.array(s.uvarint)),
    }),
  );
  const arbitrary = fc.record({
    numbers: fc.array(
      fc.record({
        a: fc.integer({ min: -128, max: 127 }),
        b: fc.nat(0xffff),
        c: fc.integer(),
        d: fc.nat(0xffff_ffff),
        e: fc.maxSafeInteger(),
        f: fc.maxSafeInteger(),
      }),
    ),
    texts: fc.option(fc.array(fc.option(fc.string({ unit: "grapheme" })))),
    blobs: fc.array(fc.option(fc.uint8Array({ maxLength: 300 }))),
    flag: fc.boolean(),
    ratio: fc.double(),
    extra: fc.array(fc.nat(0xffff_ffff)),
  });
  fc.assert(
    fc.property(arbitrary, fc.nat(3), (value, version) => {
      const seen = version < 2 ? { ...value, extra: [] } : value;
      expect(s.read(Message, s.write(Message, value, version), version)).toEqual(seen);
    }),
  );
});
