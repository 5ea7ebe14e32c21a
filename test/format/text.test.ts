import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readText } from "../../src/format/text.ts";
import { holds } from "../property.ts";

describe("readText", () => {
  it("reads what the runtime reads, wherever it lies", () => {
    const bytes = fc.oneof(
      fc.string({ maxLength: 20 }).map((text) => Buffer.from(text)),
      fc.string({ maxLength: 20, unit: "grapheme" }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)),
    );
    const around = fc.nat(20);
    holds(
      fc.property(bytes, around, around, (text, before, behind) => {
        const all = Buffer.concat([Buffer.alloc(before, 0xff), text, Buffer.alloc(behind, 0xff)]);
        expect(readText(all, before, before + text.length)).toBe(text.toString());
      }),
      500,
    );
  });

  it.each([0, 1, 12, 13, 15, 16, 17, 100])("reads %i characters", (length) => {
    const text = "abcdefghijklmnopqrstuvwxyz".repeat(4).slice(0, length);
    expect(readText(Buffer.from(`..${text}${" ".repeat(20)}`), 2, 2 + length)).toBe(text);
  });
});
