/**
 * The command `varve`: its sub-commands, and what its exit codes mean.
 *
 *   0  done     1  failed, or something is wrong with the data     2  misuse: what was asked for makes no sense
 *
 * Data goes to stdout, talk to stderr.
 */
import { Command, CommanderError } from "commander";
import { hasCode, VarveError } from "../errors.ts";
import { examples } from "./options.ts";
import { Failure, Output, type Streams, say, type Terminal } from "./terminal.ts";

const FAILED = 1;
const MISUSE = 2;

type AddCommand = (program: Command, terminal: Terminal) => void;

/** In the order in which the help lists them. Each is loaded only when it is meant. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  topics: async () => (await import("./topics.ts")).addTopics,
  produce: async () => (await import("./produce.ts")).addProduce,
  consume: async () => (await import("./consume.ts")).addConsume,
  offsets: async () => (await import("./offsets.ts")).addOffsets,
  groups: async () => (await import("./groups.ts")).addGroups,
  dump: async () => (await import("./dump.ts")).addDump,
  verify: async () => (await import("./verify.ts")).addVerify,
  repair: async () => (await import("./repair.ts")).addRepair,
  serve: async () => (await import("./serve.ts")).addServe,
  tour: async () => (await import("./tour.ts")).addTour,
};

/** Runs one command; `argv` without the program's own name. Resolves to the exit code. */
export async function run(argv: readonly string[], streams: Streams): Promise<number> {
  const terminal: Terminal = { out: new Output(streams.stdout), err: new Output(streams.stderr), streams, exitCode: 0 };
  try {
    await (await buildProgram(terminal, argv)).parseAsync(argv, { from: "user" });
    await terminal.out.flush();
    return terminal.exitCode;
  } catch (error) {
    await terminal.out.flush().catch(() => {});
    await terminal.err.flush().catch(() => {});
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : MISUSE;
    await say(terminal, `varve: ${describe(error)}`).catch(() => {});
    return hasCode(error, "VARVE_INVALID_OPTION", "VARVE_INVALID_ARGUMENT", "VARVE_INVALID_TOPIC") ? MISUSE : FAILED;
  }
}

async function buildProgram(terminal: Terminal, argv: readonly string[]): Promise<Command> {
  const program = new Command("varve");
  program
    .description("An embedded log engine: topics, partitions and replay in files that Apache Kafka itself reads.")
    .version(terminal.streams.version, "-V, --version", "print the version")
    .option("--dir <dir>", "the data directory", "./varve-data")
    .option("--json", "print one JSON object per line", false)
    .helpOption("-h, --help", "show how a command is used")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, "varve: ")),
    })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      "after",
      examples(
        "varve tour                                   see it all in half a minute",
        "varve topics create orders --partitions 3",
        "echo 'k1:hello' | varve produce orders --key-separator :",
        "varve consume orders --from-beginning --until end",
        "varve verify varve-data",
        "varve serve                                  kcat, kafkajs and Java clients can reach it",
      ),
    );
  for (const name of meant(argv)) (await COMMANDS[name]())(program, terminal);
  pointToHelp(program, "varve");
  return program;
}

/** After a mistake: the help of the very command in which it was made. */
function pointToHelp(command: Command, path: string): void {
  command.showHelpAfterError(`(${path} --help shows how)`);
  for (const one of command.commands) pointToHelp(one, `${path} ${one.name()}`);
}

/** Whose name is among the words; some of those may be values of options. All of them where there is none: it is help, or a mistake. */
function meant(argv: readonly string[]): string[] {
  const names = Object.keys(COMMANDS);
  const found = names.filter((name) => argv.includes(name));
  return found.length > 0 ? found : names;
}

/** A message for people. What is no VarveError is a mistake of ours: its stack says where. */
function describe(error: unknown): string {
  if (error instanceof Failure) return error.message;
  if (error instanceof VarveError) return `${error.message} (${error.code})`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
