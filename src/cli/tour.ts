/**
 * `varve tour`: shows what varve does, and checks it. A million records are written and read back, a writer is killed in
 * mid-write, and nothing that it had acknowledged may be missing. The exit code is 0 only if every check held.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { open, type Topic, type VarveLog } from "../index.ts";
import { CLEAN_SHUTDOWN } from "../storage/paths.ts";
import { Guide } from "./guide.ts";
import { formatCount, formatMs, plural } from "./numbers.ts";
import { type CommonOptions, count, examples } from "./options.ts";
import { formatTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { compactTopic } from "./tour-compaction.ts";
import { meetClient, shareGroup } from "./tour-groups.ts";
import { type Latency, measureLatency, valueAt } from "./tour-records.ts";
import {
  type Committed,
  checkVictim,
  checkWritable,
  consumeSome,
  readAll,
  resume,
  verifyAll,
  writeAll,
} from "./tour-steps.ts";
import { transfer } from "./tour-transactions.ts";
import { killInMidWrite, type Victim } from "./tour-writer.ts";

interface TourOptions extends CommonOptions {
  records: number;
  keep?: boolean;
}

const MILLION = 1_000_000;

export function addTour(program: Command, terminal: Terminal): void {
  program
    .command("tour")
    .summary("see it write, read, crash and recover")
    .description(
      "Writes a million records to a fresh folder and reads them back, kills a writer with -9 in mid-write, recovers, lets " +
        "a group share a topic and a Kafka client connect, and checks every step. The exit code is 0 only if every check held.",
    )
    .option("--records <count>", "how many records to write", count(1000), MILLION)
    .option("--keep", "leave the folder there")
    .addHelpText("after", examples("varve tour", "varve tour --keep --records 100000"))
    .action(async (_, command: Command) => {
      const { json, records, keep = false } = command.optsWithGlobals<TourOptions>();
      const folder = mkdtempSync(join(tmpdir(), "varve-tour-"));
      const guide = new Guide(terminal);
      try {
        const results = await new Tour(terminal, guide, join(folder, "data"), records).run();
        if (json) terminal.out.json(results);
        else showResults(terminal, results, keep ? join(folder, "data") : undefined);
      } finally {
        if (!keep) rmSync(folder, { recursive: true, force: true });
      }
      if (guide.failures > 0) terminal.exitCode = 1;
    });
}

const TOPIC = "orders";
const CRASH_TOPIC = "crash";
const GROUP_TOPIC = "parcels";
const GROUP_PARTITIONS = 4;
const PARTITIONS = 3;
const GROUP = "billing";
/** So many single sends tell a 99th percentile. */
const PROCESS_SENDS = 2000;
const POWER_SENDS = 200;
const ENOUGH_ACKNOWLEDGEMENTS = 5000;

interface Results {
  engine: string;
  records: number;
  writtenPerSecond: number;
  readPerSecond: number;
  latencyProcessMs: Latency;
  latencyPowerMs: Latency;
  bytesPerRecord: number;
  acknowledgedBeforeKill: number;
  recoveryMs: number;
  checks: number;
  failures: number;
}

class Tour {
  readonly #terminal: Terminal;
  readonly #guide: Guide;
  readonly #dir: string;
  readonly #count: number;
  #log: VarveLog | undefined;

  constructor(terminal: Terminal, guide: Guide, dir: string, count: number) {
    this.#terminal = terminal;
    this.#guide = guide;
    this.#dir = dir;
    this.#count = count;
  }

  async run(): Promise<Results> {
    try {
      const written = await this.#writeAndRead();
      const latencies = await this.#measureLatencies();
      const committed = await this.#consume();
      const victim = await this.#kill();
      const recoveryMs = await this.#recover(victim);
      await this.#resume(committed);
      await this.#shareGroup();
      await this.#transfer();
      await this.#compact();
      await this.#verify();
      const { checks, failures } = this.#guide;
      return {
        ...written,
        ...latencies,
        acknowledgedBeforeKill: victim.acknowledged.length,
        recoveryMs,
        checks,
        failures,
      };
    } finally {
      await this.#close();
    }
  }

  async #writeAndRead() {
    const guide = this.#guide;
    await guide.step(`A topic of ${PARTITIONS} partitions takes ${plural(this.#count, "record")}`);
    const log = await this.#open();
    const topic = await log.createTopic<string>(TOPIC, { partitions: PARTITIONS, codec: "string" });
    const writtenPerSecond = await writeAll(guide, log, topic, this.#count);
    const { partitions } = await topic.describe();
    const bytes = partitions.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0);
    await guide.step("They are read back");
    const readPerSecond = await readAll(guide, log, topic, this.#count);
    return {
      engine: log.engine,
      records: this.#count,
      writtenPerSecond,
      readPerSecond,
      bytesPerRecord: Math.round((bytes / this.#count) * 10) / 10,
    };
  }

  async #measureLatencies() {
    await this.#guide.step("Records are sent one by one, each acknowledged before the next");
    const log = await this.#open();
    const process = await log.createTopic<string>("process", { codec: "string", durability: "process" });
    const power = await log.createTopic<string>("power", { codec: "string", durability: "power" });
    const latencyProcessMs = await measureLatency(process, PROCESS_SENDS);
    await this.#guide.tell(`survives the death of the process: ${formatLatency(latencyProcessMs)}`);
    const latencyPowerMs = await measureLatency(power, POWER_SENDS);
    await this.#guide.tell(`survives a power cut, by an fdatasync: ${formatLatency(latencyPowerMs)}`);
    return { latencyProcessMs, latencyPowerMs };
  }

  async #consume(): Promise<Committed> {
    const count = Math.floor(this.#count / 10);
    await this.#guide.step(`A consumer of the group "${GROUP}" reads ${plural(count, "record")}, commits and leaves`);
    const log = await this.#open();
    return consumeSome(log, log.topic<string>(TOPIC), GROUP, count);
  }

  async #kill(): Promise<Victim> {
    const guide = this.#guide;
    const { self, signal } = this.#terminal.streams;
    await guide.step("Another process opens the log, and is killed with -9 in mid-write");
    await (await this.#open()).createTopic(CRASH_TOPIC, { partitions: PARTITIONS, codec: "string" });
    await this.#close();
    const command = [...self, "produce", CRASH_TOPIC, "--json", "--dir", this.#dir];
    const victim = await killInMidWrite(command, valueAt, ENOUGH_ACKNOWLEDGEMENTS, signal);
    const { acknowledged, lineCount } = victim;
    await guide.tell(`it had acknowledged ${plural(acknowledged.length, "record")}, and had more to write`);
    const isTorn = victim.signal === "SIGKILL" && acknowledged.length < lineCount;
    const hasMarker = existsSync(join(this.#dir, CLEAN_SHUTDOWN));
    await guide.check(
      "it died without closing the log",
      isTorn && !hasMarker
        ? undefined
        : `it ended with ${victim.signal}, ${lineCount - acknowledged.length} records short`,
    );
    return victim;
  }

  async #recover(victim: Victim): Promise<number> {
    await this.#guide.step("The log is opened again");
    const started = performance.now();
    const log = await this.#open();
    const recoveryMs = performance.now() - started;
    await this.#guide.tell(`recovered in ${formatMs(recoveryMs)}`);
    const topic: Topic<string> = log.topic<string>(CRASH_TOPIC);
    await checkVictim(this.#guide, topic, victim);
    await checkWritable(this.#guide, topic);
    return recoveryMs;
  }

  async #resume(committed: Committed): Promise<void> {
    await this.#guide.step(`The group "${GROUP}" comes back`);
    const log = await this.#open();
    await resume(this.#guide, log, log.topic<string>(TOPIC), GROUP, committed);
  }

  async #shareGroup(): Promise<void> {
    await this.#guide.step("Two members of a group share the partitions of a topic, and one leaves");
    const log = await this.#open();
    const topic = await log.createTopic<string>(GROUP_TOPIC, { partitions: GROUP_PARTITIONS, codec: "string" });
    await shareGroup(this.#guide, log, topic);
    await this.#guide.step("A Kafka client reaches the same log");
    await meetClient(this.#guide, log, topic);
  }

  async #transfer(): Promise<void> {
    await this.#guide.step("Transfers are booked in two topics at once, in transactions; every third is given up");
    await transfer(this.#guide, await this.#open());
  }

  async #compact(): Promise<void> {
    await this.#guide.step("A topic is compacted to the latest record of each key");
    await compactTopic(this.#guide, await this.#open());
  }

  async #verify(): Promise<void> {
    await this.#guide.step("The log is closed, and every file of it verified");
    await this.#close();
    await verifyAll(this.#guide, this.#dir);
  }

  async #open(): Promise<VarveLog> {
    this.#log ??= await open(this.#dir);
    return this.#log;
  }

  async #close(): Promise<void> {
    const log = this.#log;
    this.#log = undefined;
    await log?.close();
  }
}

function formatLatency({ p50, p99, max }: Latency): string {
  return `p50 ${formatMs(p50)}, p99 ${formatMs(p99)}, max ${formatMs(max)}`;
}

/** `kept` is where the data still lies. */
function showResults({ out }: Terminal, results: Results, kept: string | undefined): void {
  const { checks, failures } = results;
  out.line("");
  const rows = [
    ["engine", results.engine],
    ["written", `${formatCount(results.writtenPerSecond)} records/s`],
    ["read", `${formatCount(results.readPerSecond)} records/s`],
    ["one send, process", formatLatency(results.latencyProcessMs)],
    ["one send, power", formatLatency(results.latencyPowerMs)],
    ["on disk", `${results.bytesPerRecord} bytes per record`],
    [
      "recovery",
      `${formatMs(results.recoveryMs)}, ${plural(results.acknowledgedBeforeKill, "acknowledged record")} kept`,
    ],
    ["checks", failures === 0 ? `all ${checks} held` : `${failures} of ${checks} FAILED`],
  ];
  for (const line of formatTable(["", `${formatCount(results.records)} records`], rows)) out.line(line);
  out.line("");
  out.line("Next:");
  if (kept !== undefined) out.line(`  npx varve topics list --dir ${kept}`);
  out.line("  npx varve topics create orders --partitions 3");
  out.line("  echo 'k1:hello' | npx varve produce orders --key-separator :");
  out.line("  npx varve consume orders --from-beginning");
  out.line("  npx varve serve");
}
