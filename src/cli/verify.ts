/** `varve verify [DIR]`: whether everything in a directory is what was written. Reads only, also while its owner runs. */
import { realpathSync } from "node:fs";
import type { Command } from "commander";
import { systemIdentity } from "../engine/identity.ts";
import { VarveError } from "../errors.ts";
import { DiskFiles } from "../storage/disk-files.ts";
import type { Files } from "../storage/files.ts";
import { absolutePath, join } from "../storage/paths.ts";
import { formatBytes, plural } from "./numbers.ts";
import { type CommonOptions, examples } from "./options.ts";
import { formatProblem } from "./problem.ts";
import { Progress } from "./progress.ts";
import { Failure, say, type Terminal } from "./terminal.ts";
import { Left, type Tally, Verification } from "./verification.ts";
import { verifyDirectory } from "./verify-directory.ts";

export function addVerify(program: Command, terminal: Terminal): void {
  program
    .command("verify")
    .summary("check every file of a directory")
    .description(
      "Checks every batch, record, index entry, snapshot and checkpoint of a data directory of varve or Kafka, or of one " +
        "partition folder. Reads only, also while its owner runs. Prints a line for each thing that is wrong; then the exit code is 1.",
    )
    .argument("[dir]", "the directory; that of --dir when it is not given")
    .addHelpText(
      "after",
      examples("varve verify", "varve verify --json /var/lib/kafka/data", "varve verify varve-data/orders-0"),
    )
    .action(async (folder: string | undefined, _, command: Command) => {
      const { dir, json } = command.optsWithGlobals<CommonOptions>();
      const tally = await verify(terminal, new DiskFiles(), folder ?? dir, json);
      await say(terminal, summary(tally));
      if (tally.problems > 0) terminal.exitCode = 1;
    });
}

async function verify(terminal: Terminal, files: Files, shown: string, isJson: boolean): Promise<Tally> {
  const { out, err, streams } = terminal;
  const root = locate(shown);
  const progress = new Progress(err, "verifying", err.isTerminal ? sizeOf(files, root) : 0, "bytes");
  const verification = new Verification(files, root, shown.replace(/(?<=.)\/+$/, ""), {
    problem(problem) {
      progress.clear();
      if (isJson) out.json(problem);
      else out.line(formatProblem(problem));
    },
    async pause({ bytes }) {
      progress.show(bytes);
      if (out.isFull) await out.flush();
      return !out.isClosed && !streams.signal.aborted;
    },
  });
  try {
    await verifyDirectory(verification, root, systemIdentity);
  } catch (error) {
    if (!(error instanceof Left)) throw error;
    if (streams.signal.aborted) throw new Failure("interrupted: not everything was verified");
  } finally {
    progress.clear();
    await out.flush();
  }
  return verification.tally;
}

function locate(folder: string): string {
  try {
    return absolutePath(realpathSync(folder));
  } catch (cause) {
    throw new VarveError("VARVE_NOT_FOUND", `there is no folder ${folder}`, { file: folder, cause });
  }
}

/** The bytes of all logs in a folder and the folders in it. */
function sizeOf(files: Files, folder: string, depth = 1): number {
  let size = 0;
  for (const name of files.list(folder) ?? []) {
    const path = join(folder, name);
    const info = files.stat(path);
    if (info?.kind === "folder" && depth > 0) size += sizeOf(files, path, depth - 1);
    else if (info?.kind === "file" && name.endsWith(".log")) size += info.size;
  }
  return size;
}

function summary({ files, batches, records, bytes, problems }: Tally): string {
  const checked = `${plural(files, "file")}, ${plural(batches, "batch", "batches")}, ${plural(records, "record")}, ${formatBytes(bytes)}`;
  return `checked ${checked}: ${problems === 0 ? "no problems" : plural(problems, "problem")}`;
}
