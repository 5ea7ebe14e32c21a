/**
 * What peers need, each put in place when it is first asked for, in one line of talk on stderr. What can't be had is told once, and its
 * peers are named in the output with the reason.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { firstLine } from "../failure.ts";
import { benchFolder, cache } from "../places.ts";
import { KafkaServer } from "./kafka.ts";
import { step } from "./step.ts";

/** `packages`: bench/package.json. `native`: better-sqlite3's binary. `chronicle`: its jars and our driver. `kafka`: a broker that runs. */
export type Need = "packages" | "better-sqlite3" | "chronicle" | "kafka tools" | "kafka";

export const chronicleFolder = join(cache, "chronicle");

export class Needs {
  readonly #known = new Map<Need, Promise<string | undefined>>();
  #broker: KafkaServer | undefined;

  /** Undefined when all are there; else why not. */
  async missing(needs: readonly Need[]): Promise<string | undefined> {
    for (const need of needs) {
      if (!this.#known.has(need)) this.#known.set(need, this.#provide(need));
      const problem = await this.#known.get(need);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  /** Where the broker listens, once somebody needed it. */
  get kafka(): string | undefined {
    return this.#broker?.address;
  }

  async end(): Promise<void> {
    await this.#broker?.stop();
  }

  async #provide(need: Need): Promise<string | undefined> {
    try {
      await this.#install(need);
      return undefined;
    } catch (error) {
      return `${need}: ${firstLine(error)}`;
    }
  }

  async #install(need: Need): Promise<void> {
    if (need === "packages") installPackages();
    else if (need === "better-sqlite3") buildSqlite();
    else if (need === "chronicle") installChronicle();
    else if (need === "kafka tools") KafkaServer.install();
    else this.#broker = await KafkaServer.start();
  }
}

function installPackages(): void {
  const wanted = packagesIn(join(benchFolder, "package-lock.json"));
  const installed = packagesIn(join(benchFolder, "node_modules", ".package-lock.json"));
  const names = Object.keys(wanted).filter((path) => path !== "" && !wanted[path].optional);
  if (names.every((path) => installed[path]?.version === wanted[path].version)) return;
  step("installing the peers' packages (npm ci)", "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
}

/** The one package that is compiled, where no prebuilt binary can be fetched. */
function buildSqlite(): void {
  installPackages();
  if (existsSync(join(benchFolder, "node_modules/better-sqlite3/build/Release/better_sqlite3.node"))) return;
  step("building better-sqlite3 (minutes)", "npm", ["rebuild", "better-sqlite3", "--ignore-scripts=false"]);
}

function installChronicle(): void {
  mkdirSync(chronicleFolder, { recursive: true });
  const jars = join(chronicleFolder, "jars");
  if (!existsSync(join(jars, "chronicle-queue-5.27ea11.jar"))) {
    const pom = join(benchFolder, "peers/chronicle/pom.xml");
    const goal = ["-q", "-B", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${jars}`];
    step("fetching Chronicle Queue (mvn)", "mvn", goal);
  }
  const source = join(benchFolder, "peers/chronicle/Driver.java");
  step("compiling the driver of Chronicle Queue", "javac", ["-cp", `${jars}/*`, "-d", chronicleFolder, source]);
}

function packagesIn(lockfile: string): Record<string, { version: string; optional?: boolean }> {
  return existsSync(lockfile) ? JSON.parse(readFileSync(lockfile, "utf8")).packages : {};
}
