import { expect, test } from "vitest";
import { Emitter } from "../../src/engine/emitter.ts";

interface Events {
  poured: number;
  spilt: string;
}

test("listeners hear what they asked for, in order, until they are taken off", () => {
  const heard: unknown[] = [];
  const emitter = new Emitter<Events>();
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
  const emitter = new Emitter<Events>((error) => errors.push(error));
  emitter.on("poured", () => {
    throw new Error("broken glass");
  });
  emitter.on("poured", (litres) => heard.push(litres));
  emitter.emit("poured", 4);
  expect(heard).toEqual([4]);
  expect(errors).toEqual([new Error("broken glass")]);
});
