/**
 * Checks options against a table: for each name, what kind of value was expected and whether this one is it.
 *
 * An unknown name or a wrong value is VARVE_INVALID_OPTION with the option's name, what was expected and, for a near miss,
 * what was probably meant. Undefined counts as not given, everywhere.
 */
import { VarveError } from "../errors.ts";

export interface OptionKind<T> {
  /** "a whole number from 1 to 2147483647": follows "expected". */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** Carries the type; never set. */
  readonly type?: T;
}

/** One kind for each option of an interface. */
export type OptionTable<T extends object> = { readonly [Name in keyof T]-?: OptionKind<Exclude<T[Name], undefined>> };

// ---- kinds

export function integer(from: number, to: number, also?: number): OptionKind<number> {
  const range = to === Number.MAX_SAFE_INTEGER ? `${from} or more` : `from ${from} to ${to}`;
  const expected = `a whole number ${range}${also === undefined ? "" : `, or ${also}`}`;
  const accepts = (value: unknown) =>
    Number.isSafeInteger(value) && (((value as number) >= from && (value as number) <= to) || value === also);
  return { expected, accepts };
}

export function fraction(from: number, to: number): OptionKind<number> {
  const accepts = (value: unknown) => typeof value === "number" && value >= from && value <= to;
  return { expected: `a number from ${from} to ${to}`, accepts };
}

export function oneOf<const T extends string>(...values: readonly T[]): OptionKind<T> {
  const quoted = values.map((value) => JSON.stringify(value)).join(", ");
  return { expected: `one of ${quoted}`, accepts: (value) => (values as readonly unknown[]).includes(value) };
}

export function boolean(): OptionKind<boolean> {
  return { expected: "true or false", accepts: (value) => typeof value === "boolean" };
}

export function text(): OptionKind<string> {
  const accepts = (value: unknown) => typeof value === "string" && value !== "";
  return { expected: "a string that is not empty", accepts };
}

/** Anything with these methods. */
export function having<T extends object>(what: string, ...methods: (keyof T & string)[]): OptionKind<T> {
  const expected = methods.length === 0 ? what : `${what} (with ${methods.map((name) => `${name}()`).join(", ")})`;
  const accepts = (value: unknown) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) return false;
    return methods.every((name) => typeof (value as Record<string, unknown>)[name] === "function");
  };
  return { expected, accepts };
}

export function callable<T extends (...args: never[]) => unknown>(what = "a function"): OptionKind<T> {
  return { expected: what, accepts: (value) => typeof value === "function" };
}

/** What the given test says. */
export function matching<T>(expected: string, accepts: (value: unknown) => boolean): OptionKind<T> {
  return { expected, accepts };
}

// ---- the check

/** Returns a copy that holds only what was given. `what` names the call in messages: "open", "the topic orders". */
export function checkOptions<T extends object>(given: unknown, table: OptionTable<T>, what: string): Partial<T> {
  if (given === undefined) return {};
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    throw new VarveError("VARVE_INVALID_OPTION", `the options of ${what} are ${show(given)}; an object was expected`);
  }
  const checked: Partial<T> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(table, name)) throw unknownOption(name, Object.keys(table), what);
    checkOption(name, value, table[name as keyof T], what);
    checked[name as keyof T] = value;
  }
  return checked;
}

export function checkOption(name: string, value: unknown, kind: OptionKind<unknown>, what: string): void {
  if (kind.accepts(value)) return;
  const message = `the option ${name} of ${what} is ${show(value)}; ${kind.expected} was expected`;
  throw new VarveError("VARVE_INVALID_OPTION", message, { option: name });
}

export function unknownOption(name: string, known: readonly string[], what: string): VarveError {
  const meant = nearest(name, known);
  const advice = meant === undefined ? `known are ${[...known].sort().join(", ")}` : `did you mean ${meant}?`;
  return new VarveError("VARVE_INVALID_OPTION", `${what} has no option ${name}; ${advice}`, { option: name });
}

/** A beginning that short says nothing. */
const LEAST_BEGINNING = 3;

/** The known name that differs least, if it differs little: by case, by separators, by a typing error, or by its end alone. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = strip(name);
  const same = known.find((candidate) => strip(candidate) === plain);
  if (same !== undefined) return same;
  const longer = known.filter((candidate) => strip(candidate).startsWith(plain));
  if (plain.length >= LEAST_BEGINNING && longer.length === 1) return longer[0];
  const most = Math.max(1, Math.floor(plain.length / 4));
  let best: string | undefined;
  let bestDistance = most + 1;
  for (const candidate of known) {
    const distance = editDistance(plain, strip(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function strip(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** Levenshtein's, by one row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
