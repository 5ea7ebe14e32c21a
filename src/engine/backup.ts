/**
 * Copies a data directory while it is in use: what the copy holds is what was there at one moment.
 *
 * That moment is a single turn of the event loop, in which the size of every segment is noted; appends go on behind those
 * sizes, and nothing before them changes, since topics, log starts and retention stand still while the files are copied. The
 * copy is then walked and closed as any log is, so that it has its own indexes and opens as cleanly closed.
 */
import { VarveError } from "../errors.ts";
import { formatCleanShutdown } from "../format/checkpoints.ts";
import type { Files } from "../storage/files.ts";
import {
  CLEAN_SHUTDOWN,
  join,
  LEADER_EPOCH_CHECKPOINT,
  nameOf,
  PARTITION_METADATA,
  parentOf,
  parseSegmentFile,
} from "../storage/paths.ts";
import { replaceFile } from "../storage/replace-file.ts";
import { Catalogue } from "./catalogue.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { DataDirectory } from "./data-directory.ts";
import { ensureMetaProperties } from "./meta-properties.ts";
import { Partition, type PartitionHost } from "./partition.ts";

const WINDOW_BYTES = 1024 * 1024;

interface CapturedFile {
  from: string;
  to: string;
  size: number;
}

interface CapturedPartition {
  partition: Partition;
  folder: string;
  startOffset: number;
  files: CapturedFile[];
}

/** Nobody may change topics meanwhile: see Topics.hold. `to` is an absolute path in `target`. */
export async function backUp(dir: DataDirectory, target: Files, to: string): Promise<void> {
  if ((target.list(to)?.length ?? 0) > 0 || (target.stat(to) && !target.list(to))) {
    const message = `a backup needs an empty or a new folder; ${to} is not one`;
    throw new VarveError("VARVE_INVALID_ARGUMENT", message, { file: to });
  }
  const partitions = [...dir.topicSet.partitions()];
  for (const partition of partitions) await partition.ready();
  const captured = partitions.map((partition) => capture(dir.files, partition, to));
  target.makeFolder(to);
  for (const { folder, files } of captured) {
    target.makeFolder(folder);
    for (const file of files) await copy(dir.files, target, file);
    await target.syncFolder(folder);
  }
  await settle(dir, target, to, captured);
  await target.syncFolder(parentOf(to));
}

function capture(files: Files, partition: Partition, to: string): CapturedPartition {
  const folder = join(to, nameOf(partition.folder));
  const names = (files.list(partition.folder) ?? []).filter(isWorthCopying);
  const sizes = partition.segmentSizes;
  return {
    partition,
    folder,
    startOffset: partition.startOffset,
    files: names.map((name) => {
      const from = join(partition.folder, name);
      return { from, to: join(folder, name), size: sizes.get(from) ?? files.stat(from)?.size ?? 0 };
    }),
  };
}

/** The other indexes are made anew from the batches. */
function isWorthCopying(name: string): boolean {
  if (name === LEADER_EPOCH_CHECKPOINT || name === PARTITION_METADATA) return true;
  const file = parseSegmentFile(name);
  return file?.state === "live" && ["log", "txnindex", "snapshot"].includes(file.kind);
}

async function copy(files: Files, target: Files, { from, to, size }: CapturedFile): Promise<void> {
  const source = files.open(from, "read");
  const copied = target.open(to, "create");
  const window = new Uint8Array(Math.min(WINDOW_BYTES, size));
  try {
    for (let position = 0; position < size; ) {
      const count = source.read(window, 0, Math.min(window.length, size - position), position);
      if (count === 0)
        throw new VarveError("VARVE_CORRUPT", `${from} became shorter while it was copied`, { file: from });
      copied.write(window, 0, count, position);
      position += count;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await copied.sync();
  } finally {
    source.close();
    copied.close();
  }
}

/** Opens each copy once, which checks every batch and makes the indexes, and writes what stands around the partitions. */
async function settle(dir: DataDirectory, target: Files, to: string, captured: CapturedPartition[]): Promise<void> {
  const host: PartitionHost = {
    files: target,
    clock: dir.clock,
    readOnly: false,
    space: dir.space,
    counters: { ...dir.counters },
    report: (event) => event.kind === "corrupt" && dir.report(event),
    touched: () => {},
    recordStart: async () => {},
    checkTransaction: () => {},
    opened: () => {},
  };
  const copies: Partition[] = [];
  for (const { partition, folder, startOffset } of captured) {
    const { cleanedOffset } = partition;
    const place = { folder, lastClose: "process" as const, startOffset, recoveryPoint: 0, cleanedOffset };
    const copied = new Partition(partition.topic, partition.index, place, host);
    await copied.ready();
    await copied.close();
    copied.forget();
    copies.push(copied);
  }
  const content = dir.topicSet.catalogueContent();
  await new Catalogue(target, to).write(() => content);
  await ensureMetaProperties(target, to, content);
  await new Checkpoints(target, to).write(() => copies);
  await replaceFile(target, join(to, CLEAN_SHUTDOWN), formatCleanShutdown());
}
