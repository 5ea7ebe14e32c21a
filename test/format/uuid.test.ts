import fc from "fast-check";
import { expect, test } from "vitest";
import { isUuid, uuidFromString, uuidToString, ZERO_UUID } from "../../src/format/uuid.ts";

test("bytes to text and back, at any place in a buffer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 40 }), fc.nat(24), (bytes, wish) => {
      const at = Math.min(wish, bytes.length - 16);
      const text = uuidToString(bytes, at);
      expect(isUuid(text)).toBe(true);
      expect(uuidFromString(text)).toEqual(bytes.slice(at, at + 16));
    }),
  );
});

test("Kafka's zero and one", () => {
  expect(uuidToString(new Uint8Array(16))).toBe(ZERO_UUID);
  expect(uuidToString(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))).toBe("AAAAAAAAAAAAAAAAAAAAAQ");
});

test.each([
  "",
  "AAAA",
  "AAAAAAAAAAAAAAAAAAAAAB",
  "AAAAAAAAAAAAAAAAAAAAA=",
  "AAAAAAAAAAAAAAAAAAAAAAA",
  "+AAAAAAAAAAAAAAAAAAAAA",
])("%j is no uuid", (text) => {
  expect(() => uuidFromString(text)).toThrow(expect.objectContaining({ code: "VARVE_INVALID_ARGUMENT" }));
});
