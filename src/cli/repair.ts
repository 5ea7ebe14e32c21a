/**
 * `varve repair [DIR]`: mends what can be made again from what is left.
 *
 * What verify finds is the plan. The catalogue is seen from the partition folders, with retention off; the log is recovered
 * as after a crash; indexes, snapshots and checkpoints are made again. Damaged batches stay as they are: readers name them
 * and step over them. At the end everything is verified once more.
 */
import { realpathSync } from "node:fs";
import type { Command } from "commander";
import { kindOf } from "../engine/directory.ts";
import { systemIdentity } from "../engine/identity.ts";
import { liveness, readLock } from "../engine/lock.ts";
import { rebuildCatalogue } from "../engine/rebuild.ts";
import { VarveError } from "../errors.ts";
import { DiskFiles } from "../storage/disk-files.ts";
import type { Files } from "../storage/files.ts";
import { absolutePath, CLEAN_SHUTDOWN, join } from "../storage/paths.ts";
import { plural } from "./numbers.ts";
import { type CommonOptions, examples } from "./options.ts";
import { formatProblem, type Problem } from "./problem.ts";
import { mendPartitions } from "./repair-partitions.ts";
import { planOf, type Step, WORDS } from "./repair-plan.ts";
import { say, type Terminal } from "./terminal.ts";
import { Verification } from "./verification.ts";
import { verifyDirectory } from "./verify-directory.ts";

interface RepairOptions extends CommonOptions {
  dryRun?: boolean;
  adopt?: boolean;
}

export function addRepair(program: Command, terminal: Terminal): void {
  program
    .command("repair")
    .summary("mend a damaged directory")
    .description(
      "Rebuilds a lost catalogue from the partition folders (with retention off), cuts torn tails as recovery does, and makes " +
        "indexes, snapshots and checkpoints again. Refuses while the directory has an owner. The exit code is 1 when something stays damaged.",
    )
    .argument("[dir]", "the directory; that of --dir when it is not given")
    .option("--dry-run", "only say what would be done")
    .option("--adopt", "also take a data directory of Kafka, which is varve's from then on")
    .addHelpText("after", examples("varve repair --dry-run", "varve repair varve-data"))
    .action(async (folder: string | undefined, _, command: Command) => {
      const { dir, json, dryRun = false, adopt = false } = command.optsWithGlobals<RepairOptions>();
      const repair = new Repair(terminal, folder ?? dir, json, adopt);
      if (!(await repair.run(dryRun))) terminal.exitCode = 1;
    });
}

class Repair {
  readonly #terminal: Terminal;
  readonly #shown: string;
  readonly #isJson: boolean;
  readonly #adopt: boolean;
  readonly #root: string;
  readonly #files: Files;

  constructor(terminal: Terminal, shown: string, isJson: boolean, adopt: boolean) {
    this.#terminal = terminal;
    this.#shown = shown.replace(/(?<=.)\/+$/, "");
    this.#isJson = isJson;
    this.#adopt = adopt;
    this.#root = locate(shown);
    this.#files = new DiskFiles({ root: this.#root });
  }

  /** False when something stays damaged. */
  async run(isDryRun: boolean): Promise<boolean> {
    this.#checkOwnership();
    const steps = planOf(this.#files, this.#root, await this.#findProblems());
    const wasClosed = this.#files.stat(join(this.#root, CLEAN_SHUTDOWN)) !== undefined;
    const isForeign = kindOf(this.#files, this.#root) === "kafka";
    if (steps.length === 0 && wasClosed && !isForeign) {
      await say(this.#terminal, "nothing is to be repaired");
      return true;
    }
    for (const step of steps) this.#show(step, isDryRun);
    if (isDryRun) {
      const recovery = wasClosed ? "" : "; the log was not closed and would be recovered";
      await say(this.#terminal, `${plural(steps.length, "file")} would be repaired${recovery}; nothing was changed`);
      return true;
    }
    if (isForeign || steps.some(({ action }) => action === "catalogue")) await this.#rebuildCatalogue();
    await mendPartitions(this.#root, steps);
    return this.#conclude(steps);
  }

  /** Also what verify would not mind: a directory that has an owner, or is not ours to write to. */
  #checkOwnership(): void {
    const kind = kindOf(this.#files, this.#root);
    if (kind === "missing" || kind === "new") {
      throw new VarveError("VARVE_NOT_FOUND", `there is no data directory at ${this.#root}`, { file: this.#root });
    }
    if (kind === "partition" || kind === "foreign" || (kind === "kafka" && !this.#adopt)) {
      const advice = kind === "kafka" ? "a data directory of Kafka; --adopt makes it varve's own" : "no data directory";
      throw new VarveError("VARVE_FOREIGN", `${this.#root} is ${advice}`, { file: this.#root });
    }
    const owner = kind === "kafka" ? undefined : readLock(this.#files, this.#root);
    if (owner === undefined || liveness(owner, systemIdentity) === "gone") return;
    const where = owner.hostName === systemIdentity.hostName ? "" : ` on the host ${owner.hostName}`;
    throw new VarveError("VARVE_LOCKED", `${this.#root} is open in process ${owner.pid}${where}: close it first`);
  }

  /** Their files are named relative to the directory. */
  async #findProblems(): Promise<Problem[]> {
    const problems: Problem[] = [];
    const verification = new Verification(this.#files, `${this.#root}/`, "", {
      problem: (problem) => problems.push(problem),
      pause: async () => true,
    });
    await verifyDirectory(verification, this.#root, systemIdentity);
    return problems;
  }

  async #rebuildCatalogue(): Promise<void> {
    const { topics, notes, keptAside } = await rebuildCatalogue(this.#root, { adopt: this.#adopt });
    await say(this.#terminal, `the catalogue has ${plural(topics.length, "topic")}`);
    if (keptAside !== undefined) await say(this.#terminal, `the damaged one is kept as ${keptAside}`);
    for (const note of notes) await say(this.#terminal, `note: ${note}`);
  }

  async #conclude(steps: readonly Step[]): Promise<boolean> {
    const problems = await this.#findProblems();
    for (const problem of problems) {
      const shown = { ...problem, file: `${this.#shown}/${problem.file}` };
      if (this.#isJson) this.#terminal.out.json(shown);
      else this.#terminal.out.line(formatProblem(shown));
    }
    await this.#terminal.out.flush();
    const repaired = steps.filter(({ file }) => problems.every((problem) => problem.file !== file)).length;
    const rest =
      problems.length === 0 ? "everything is sound now" : `${plural(problems.length, "problem")} cannot be mended`;
    await say(this.#terminal, `${plural(repaired, "file")} repaired: ${rest}`);
    if (problems.some(({ file }) => file.endsWith(".log")))
      await say(
        this.#terminal,
        'a damaged batch stays as it is: varve consume --on-corrupt skip (onCorrupt: "skip") goes on behind it',
      );
    return problems.length === 0;
  }

  #show({ action, file, reason }: Step, isDryRun: boolean): void {
    const { out } = this.#terminal;
    const path = `${this.#shown}/${file}`;
    if (this.#isJson) out.json({ action, file: path, reason });
    else out.line(`${path}: ${reason}: ${isDryRun ? "would be " : ""}${WORDS[action]}`);
  }
}

function locate(folder: string): string {
  try {
    return absolutePath(realpathSync(folder));
  } catch (cause) {
    throw new VarveError("VARVE_NOT_FOUND", `there is no folder ${folder}`, { file: folder, cause });
  }
}
