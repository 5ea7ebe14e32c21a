/** How a listener is opened, and where it may listen. */
import { isIP } from "node:net";
import { MAX_PARTITIONS } from "../engine/config.ts";
import type { Engine } from "../engine/engine.ts";
import { boolean, checkOptions, integer, type OptionTable, text } from "../engine/options.ts";
import { VarveError } from "../errors.ts";

/** What `listen` takes. */
export interface ListenOptions {
  /** A loopback address, "127.0.0.1" by default. */
  host?: string;
  /** 9092 by default; 0 takes a free one. */
  port?: number;
  /** A unix socket instead of host and port. */
  path?: string;
  /** What clients are told to connect to, where that is not what is listened on. */
  advertisedHost?: string;
  /** As `advertisedHost`. */
  advertisedPort?: number;
  /** Allows addresses that others reach. There is no authentication: whoever reaches the port can do everything. */
  insecure?: boolean;
  /** The largest request. 16 MiB by default. */
  maxRequestBytes?: number;
  /** The most that one fetch answers, but for a single larger batch. 16 MiB by default. */
  maxFetchBytes?: number;
  /** A connection that was silent for so long is closed. 10 minutes by default. */
  idleTimeoutMs?: number;
  /** Further ones are closed at once. 1000 by default. */
  maxConnections?: number;
  /** Topics come into being when clients ask for them. By default as the log was opened. */
  autoCreateTopics?: boolean;
  /** Of topics whose maker does not say. 1 by default. */
  defaultPartitions?: number;
  /** Takes any replication factor, and has one copy nevertheless: for programs written for a cluster. */
  anyReplicationFactor?: boolean;
}

export type ResolvedListenOptions = Required<Omit<ListenOptions, "path" | "advertisedHost" | "advertisedPort">> &
  Pick<ListenOptions, "path" | "advertisedHost" | "advertisedPort">;

const MAX_PORT = 65_535;

/** Of a unix socket, as systems have room for it. Older versions of Node listen at what is left of a longer one, without a word. */
const MAX_PATH_BYTES = process.platform === "darwin" ? 103 : 107;

const MAX_MS = 2 ** 31 - 1;
const MIB = 1024 * 1024;

const LISTEN: OptionTable<ListenOptions> = {
  host: text(),
  port: integer(0, MAX_PORT),
  path: text(),
  advertisedHost: text(),
  advertisedPort: integer(1, MAX_PORT),
  insecure: boolean(),
  maxRequestBytes: integer(1024, 1024 * MIB),
  maxFetchBytes: integer(1024, 1024 * MIB),
  idleTimeoutMs: integer(1, MAX_MS),
  maxConnections: integer(1, 100_000),
  autoCreateTopics: boolean(),
  defaultPartitions: integer(1, MAX_PARTITIONS),
  anyReplicationFactor: boolean(),
};

const DEFAULTS = {
  host: "127.0.0.1",
  port: 9092,
  insecure: false,
  maxRequestBytes: 16 * MIB,
  maxFetchBytes: 16 * MIB,
  idleTimeoutMs: 600_000,
  maxConnections: 1000,
  defaultPartitions: 1,
  anyReplicationFactor: false,
};

export function resolveListenOptions(given: unknown, engine: Engine): ResolvedListenOptions {
  const { autoCreateTopics } = engine.options;
  const options = { ...DEFAULTS, autoCreateTopics, ...checkOptions<ListenOptions>(given, LISTEN, "listen") };
  if (options.path === undefined && !options.insecure && !isLoopback(options.host)) {
    const message = `listen: ${options.host} can be reached by others, and there is no authentication; listen on 127.0.0.1, or say insecure: true`;
    throw new VarveError("VARVE_INVALID_OPTION", message, { option: "host" });
  }
  if (options.path !== undefined && process.platform !== "win32") checkPath(options.path);
  return options;
}

function checkPath(path: string): void {
  const size = Buffer.byteLength(path);
  if (size <= MAX_PATH_BYTES) return;
  const message = `listen: the path of a unix socket has at most ${MAX_PATH_BYTES} bytes, not ${size}: ${path}`;
  throw new VarveError("VARVE_INVALID_OPTION", message, { option: "path" });
}

/** Whether nobody but this machine reaches the address. */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase().replace(/^::ffff:/, "");
  return plain === "localhost" || plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}
