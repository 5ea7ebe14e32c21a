/**
 * `varve serve`: opens a data directory and lets Kafka's clients reach it, until it is interrupted.
 *
 * With --json one line on stdout says where: programs that start it wait for that line. The listener is loaded by this command
 * only.
 */
import { type Command, Option } from "commander";
import { type Durability, type OpenOptions, open, VarveError, type VarveLog } from "../index.ts";
import type { Listener, ListenOptions } from "../wire/index.ts";
import { letSmallHeapGrow } from "./heap-growth.ts";
import { type ListenAddress, parseHostAndPort, parseListenAddress } from "./listen-address.ts";
import { formatMs, plural } from "./numbers.ts";
import { type CommonOptions, choice, count, examples } from "./options.ts";
import { Failure, say, type Terminal } from "./terminal.ts";

interface ServeOptions extends CommonOptions {
  listen: ListenAddress;
  advertise?: { host: string; port: number };
  insecure?: boolean;
  autoCreate: boolean;
  partitions: number;
  anyReplicationFactor?: boolean;
  durability?: Durability;
}

/** Of a path that makes no folder: what is written is gone when the command ends. */
const MEMORY = ":memory:";

export function addServe(program: Command, terminal: Terminal): void {
  program
    .command("serve")
    .summary("let Kafka's clients reach the data directory")
    .description(
      "Speaks Kafka's protocol for the data directory, which is made when it is missing (--dir :memory: keeps everything in " +
        "memory), until it is interrupted. With --json one line says where it listens.",
    )
    .addOption(
      new Option("--listen <address>", "host:port, or unix:path; port 0 takes a free one")
        .argParser(parseListenAddress)
        .default({ host: "127.0.0.1", port: 9092 }, "127.0.0.1:9092"),
    )
    .option("--advertise <host:port>", "what clients are told to connect to, where that differs", parseHostAndPort)
    .option("--insecure", "allow addresses that others reach, though there is no authentication")
    .option("--auto-create", "make topics when clients ask for them (the default)", true)
    .option("--no-auto-create", "make no topics unless told to")
    .option("--partitions <count>", "of topics whose maker does not say", count(1), 1)
    .option("--any-replication-factor", "take any replication factor, and keep one copy nevertheless")
    .addOption(choice("--durability <level>", "of topics that have none of their own", ["process", "power"]))
    .addHelpText(
      "after",
      examples(
        "varve serve",
        "varve serve --listen 127.0.0.1:0 --json --dir :memory:",
        "varve serve --listen 0.0.0.0:9092 --advertise logs.local:9092 --insecure",
      ),
    )
    .action(async (_, command: Command) => {
      await new Serving(terminal, command.optsWithGlobals<ServeOptions>()).run();
    });
}

class Serving {
  readonly #terminal: Terminal;
  readonly #options: ServeOptions;
  readonly #startedAt = performance.now();

  constructor(terminal: Terminal, options: ServeOptions) {
    this.#terminal = terminal;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { listen, isLoopback } = await import("../wire/index.ts");
    const { listen: address, insecure = false, dir } = this.#options;
    if ("host" in address && !insecure && !isLoopback(address.host)) {
      const message = `${address.host} can be reached by others, and there is no authentication: --insecure allows it all the same`;
      throw new VarveError("VARVE_INVALID_OPTION", message, { option: "listen" });
    }
    const log = await open(dir, this.#openOptions());
    const leaveHeap = letSmallHeapGrow();
    try {
      const listener = await listen(log, this.#listenOptions()).catch(asFailure);
      await this.#announce(listener, log);
      await untilAborted(this.#terminal.streams.signal);
      await say(this.#terminal, `\nending: ${plural(listener.connectionCount, "connection")} open`);
    } finally {
      leaveHeap();
      await log.close();
    }
    await say(this.#terminal, `closed ${dir}`);
  }

  #openOptions(): OpenOptions {
    const tell = (message: string) => void say(this.#terminal, `varve: ${message}`).catch(() => {});
    return { durability: this.#options.durability, logger: { warn: tell, error: tell } };
  }

  #listenOptions(): ListenOptions {
    const { listen, advertise, insecure, autoCreate, partitions, anyReplicationFactor } = this.#options;
    return {
      ...listen,
      advertisedHost: advertise?.host,
      advertisedPort: advertise?.port,
      insecure,
      autoCreateTopics: autoCreate,
      defaultPartitions: partitions,
      anyReplicationFactor,
    };
  }

  async #announce(listener: Listener, log: VarveLog): Promise<void> {
    const { out, streams } = this.#terminal;
    const { path, address } = listener;
    const topics = log.topics().map(({ name }) => name);
    if (this.#options.json) {
      const { host, port } = listener;
      out.json({
        address,
        ...(path === undefined ? { host, port } : { path }),
        dir: log.path,
        pid: process.pid,
      });
      await out.flush();
      return;
    }
    const holds = log.path === MEMORY ? "memory" : `${this.#options.dir} (${plural(topics.length, "topic")})`;
    const took = formatMs(performance.now() - this.#startedAt);
    await say(this.#terminal, `varve ${streams.version} serves ${holds} on ${address}, ready after ${took}`);
    if (path === undefined) await say(this.#terminal, commandsFor(address, topics[0] ?? "orders"));
    await say(this.#terminal, "Ctrl-C ends it.");
  }
}

/** What a user may paste into another terminal. */
function commandsFor(address: string, topic: string): string {
  const produce = `await p.connect(); await p.send({ topic: "${topic}", messages: [{ value: "hello" }] }); await p.disconnect();`;
  const kafkajs = `import { Kafka } from "kafkajs"; const p = new Kafka({ brokers: ["${address}"] }).producer(); ${produce}`;
  return `
kcat:
  echo hello | kcat -b ${address} -t ${topic} -P
  kcat -b ${address} -t ${topic} -C -o beginning

kafkajs:
  node --input-type=module -e '${kafkajs}'

Kafka's own tools, and every Java client with bootstrap.servers=${address}:
  kafka-console-producer.sh --bootstrap-server ${address} --topic ${topic}
  kafka-console-consumer.sh --bootstrap-server ${address} --topic ${topic} --from-beginning
`;
}

/** That an address is taken is no mistake in the command. */
function asFailure(error: unknown): never {
  if (error instanceof VarveError && error.cause !== undefined)
    throw new Failure(error.message.replace(/^listen: /, ""));
  throw error;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
