/** Where `varve serve` listens, as it is given on the command line: host:port, :port, [::1]:port, or unix:path. */
import { InvalidArgumentError } from "commander";

export type ListenAddress = { host: string; port: number } | { path: string };

const DEFAULT_HOST = "127.0.0.1";
const UNIX = "unix:";
const MAX_PORT = 65_535;

export function parseListenAddress(text: string): ListenAddress {
  if (!text.startsWith(UNIX)) return parseHostAndPort(text);
  if (text.length > UNIX.length) return { path: text.slice(UNIX.length) };
  throw new InvalidArgumentError("unix:path was expected, such as unix:/tmp/varve.sock.");
}

export function parseHostAndPort(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(text);
  const port = Number(match?.[3]);
  if (match && port <= MAX_PORT) return { host: match[1] ?? (match[2] || DEFAULT_HOST), port };
  throw new InvalidArgumentError("host:port was expected, such as 127.0.0.1:9092 (port 0 takes a free one).");
}
