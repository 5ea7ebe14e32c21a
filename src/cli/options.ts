/** Options that several commands share, and how option values are read. */
import { InvalidArgumentError, Option } from "commander";

/** Those of every command. */
export interface CommonOptions {
  dir: string;
  json: boolean;
}

export function choice(flags: string, description: string, values: readonly string[], value?: string): Option {
  const option = new Option(flags, description).choices(values);
  return value === undefined ? option : option.default(value);
}

/** A whole number from `least` on. */
export function count(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`A whole number from ${least} on was expected.`);
  };
}

/** `name=value`, as often as it is given. */
export function assignment(text: string, before: [string, string][] = []): [string, string][] {
  const at = text.indexOf("=");
  if (at > 0) return [...before, [text.slice(0, at).trim(), text.slice(at + 1)]];
  throw new InvalidArgumentError("name=value was expected.");
}

/** An option that may be given several times. */
export function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}

/** The end of a help text. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join("")}`;
}
