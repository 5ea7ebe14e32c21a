/** Packages of bench/package.json, which the project itself has no types for: they are described where they are used. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

export function load<T>(name: string): T {
  return require(name) as T;
}
