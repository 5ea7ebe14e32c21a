/** Where the clients lie that test/clients/install fetches, and the driver programs that more than one test starts. */
import { homedir } from "node:os";
import { join } from "node:path";

export const CACHE = process.env.VARVE_CLIENTS ?? join(homedir(), ".cache/varve-clients");

const KAFKA_LIBS = join(process.env.KAFKA_HOME ?? join(homedir(), ".cache/varve-kafka"), "libs/*");

/** In JavaScript, under drivers/. */
export function nodeDriver(name: string): string[] {
  return [process.execPath, join(import.meta.dirname, `drivers/${name}.mjs`)];
}

/** In Python, under drivers/. */
export function pythonDriver(name: string): string[] {
  return [join(CACHE, "py/bin/python"), join(import.meta.dirname, `drivers/${name}.py`)];
}

/** In Go, under go/. */
export function goDriver(name: string): string[] {
  return [join(CACHE, `go/${name}`)];
}

export const KCAT = nodeDriver("kcat");
export const JAVA = [
  "java",
  "-Xmx128m",
  "-XX:TieredStopAtLevel=1",
  "-cp",
  `${join(CACHE, "java")}:${KAFKA_LIBS}`,
  "Driver",
];
