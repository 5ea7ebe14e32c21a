/**
 * The word loop of crc32c.ts once more, as WebAssembly: the tables and what is checksummed lie in one memory, and no look-up has to check
 * its bounds. That takes 60 % of the time, copying included.
 *
 * The module is one function, put together below from the instructions that are named there. Where WebAssembly is missing or not
 * allowed there is none, and the loop in TypeScript does it all.
 */

/** Carries `crc` on over bytes[start, end), a multiple of STEP_BYTES. */
export type CrcLoop = (crc: number, bytes: Uint8Array, start: number, end: number) => number;

/** What one turn of the loop takes. */
export const STEP_BYTES = 16;

/** Where the tables lie, one behind the other, and behind them what is checksummed, a piece at a time that stays in the nearest cache. */
const TABLE_BYTES = 1024;
const PIECE_AT = 16 * TABLE_BYTES;
const PIECE_BYTES = 32 * 1024;
const MEMORY_PAGES = 1;

/** As much of WebAssembly as is needed: its types come with a browser's library only. */
interface Wasm {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
}

interface Exports {
  memory: { buffer: ArrayBuffer };
  loop(crc: number, at: number, end: number): number;
}

/** `tables`: the sixteen of crc32c.ts. */
export function makeCrcLoop(tables: readonly Int32Array[]): CrcLoop | undefined {
  const exports = instantiate();
  if (exports === undefined) return undefined;
  const { loop, memory } = exports;
  tables.forEach((table, k) => {
    new Int32Array(memory.buffer, k * TABLE_BYTES, table.length).set(table);
  });
  const pieces = new Uint8Array(memory.buffer, PIECE_AT, PIECE_BYTES);
  return (crc, bytes, start, end) => {
    for (let at = start; at < end; at += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, end - at);
      pieces.set(new Uint8Array(bytes.buffer, bytes.byteOffset + at, length));
      crc = loop(crc, PIECE_AT, PIECE_AT + length);
    }
    return crc;
  };
}

function instantiate(): Exports | undefined {
  try {
    const { Module, Instance } = Reflect.get(globalThis, "WebAssembly") as Wasm;
    return new Instance(new Module(moduleBytes())).exports as Exports;
  } catch {
    return undefined;
  }
}

// ---- the module

const I32 = 0x7f;
const VOID = 0x40;
const BLOCK = 0x02;
const LOOP = 0x03;
const END = 0x0b;
const BR = 0x0c;
const BR_IF = 0x0d;
const I32_GE_U = 0x4f;
const ADD = 0x6a;
const AND = 0x71;
const XOR = 0x73;
const SHL = 0x74;
const SHR_U = 0x76;

/** Locals: the three parameters, then the four words of a step. */
const CRC = 0;
const AT = 1;
const LIMIT = 2;
const WORD = 3;
const WORDS = 4;

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const constant = (value: number) => [0x41, ...signedLeb(value)];
/** Of the address on the stack; aligned to four bytes, as a hint. */
const load = (offset: number) => [0x28, 2, ...leb(offset)];

/** What byte `index` of a word comes to: the table is the one for as many bytes as follow it within the step. */
function lookUp(word: number, index: number): number[] {
  const table = STEP_BYTES - 1 - word * 4 - index;
  // Times four, as an entry takes four bytes.
  const shift = index === 0 ? [...constant(2), SHL] : [...constant(8 * index - 2), SHR_U];
  return [...get(WORD + word), ...shift, ...constant(0x3fc), AND, ...load(table * TABLE_BYTES)];
}

function body(): number[] {
  const words = Array.from({ length: WORDS }, (_, word) => [
    ...get(AT),
    ...load(word * 4),
    ...(word === 0 ? [...get(CRC), XOR] : []),
    ...set(WORD + word),
  ]);
  // The first word, which waits for the step before, comes last: the other look-ups run ahead of it.
  const lookUps = [1, 2, 3, 0].flatMap((word) => [0, 1, 2, 3].map((index) => lookUp(word, index)));
  const sum = lookUps.flatMap((instructions, i) => (i === 0 ? instructions : [...instructions, XOR]));
  return [
    ...[BLOCK, VOID, LOOP, VOID],
    ...[...get(AT), ...get(LIMIT), I32_GE_U, BR_IF, 1],
    ...words.flat(),
    ...[...sum, ...set(CRC)],
    ...[...get(AT), ...constant(STEP_BYTES), ADD, ...set(AT)],
    ...[BR, 0, END, END],
    ...[...get(CRC), END],
  ];
}

function moduleBytes(): Uint8Array {
  const code = [1, ...leb(WORDS), I32, ...body()];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, I32, I32, I32, 1, I32]),
    ...section(3, [1, 0]),
    ...section(5, [1, 1, MEMORY_PAGES, MEMORY_PAGES]),
    ...section(7, [2, ...text("memory"), 2, 0, ...text("loop"), 0, 0]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ]);
}

const section = (id: number, content: number[]) => [id, ...leb(content.length), ...content];
const text = (name: string) => [name.length, ...Buffer.from(name)];

/** The integers of WebAssembly: seven bits a byte, least significant first; the highest bit says that more follows. */
function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

/** The same of a number that is not negative, where the last byte's bit 6 would be its sign. */
function signedLeb(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signedLeb(value >>> 7)];
}
