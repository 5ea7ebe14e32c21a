import { expect, test } from "vitest";
import { Emitter } from "../../src/engine/emitter.ts";

interface Events {
  poured: number;
  spilt: string;
}

const NAMES = ["poured", "spilt"] as const;

test("listeners hear what they asked for, in order, until they are taken off", () => {
  const heard: unknown[] = [];
  const emitter = new Emitter<Events>(NAMES);
  const end = emitter.on("poured", (litres) => heard.push(["first", litres]));
  const second = (litres: number) => heard.push(["second", litres]);
  emitter.on("poured", second);
  emitter.emit("poured", 1);
  emitter.emit("spilt", "milk");
  end();
  emitter.emit("poured", 2);
  emitter.off("poured", second);
  emitter.emit("poured", 3);
  expect(heard).toEqual([
    ["first", 1],
    ["second", 1],
    ["second", 2],
  ]);
});

test("a listener that throws is reported and keeps nobody from hearing", () => {
  const errors: unknown[] = [];
  const heard: number[] = [];
  const emitter = new Emitter<Events>(NAMES, (error) => errors.push(error));
  emitter.on("poured", () => {
    throw new Error("broken glass");
  });
  emitter.on("poured", (litres) => heard.push(litres));
  emitter.emit("poured", 4);
  expect(heard).toEqual([4]);
  expect(errors).toEqual([new Error("broken glass")]);
});

test.each<[unknown, unknown, string]>([
  ["spil", () => {}, "there is no event spil; did you mean spilt?"],
  ["drunk", () => {}, "there is no event drunk; there are poured, spilt"],
  ["poured", undefined, "on poured: a function was expected"],
])("nobody listens to %s with %s", (name, listener, message) => {
  const emitter = new Emitter<Events>(NAMES);
  expect(() => emitter.on(name as "poured", listener as () => void)).toThrow(
    expect.objectContaining({ code: "VARVE_INVALID_ARGUMENT", message }),
  );
});
