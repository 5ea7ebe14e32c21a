/** From what verify finds to what can be done about it: one step per file, in the order in which they must be taken. */
import type { Files } from "../storage/files.ts";
import {
  CATALOGUE,
  join,
  nameOf,
  PREVIOUS_CATALOGUE,
  parentOf,
  parsePartitionFolder,
  parseSegmentFile,
  type SegmentFile,
  segmentFile,
} from "../storage/paths.ts";
import type { Problem } from "./problem.ts";

/**
 * "catalogue"  is seen from the partition folders    "rebuild"  from the log    "rewrite"  from what is known elsewhere
 * "remove"     belongs to nothing                    "recover"  what recovery does: torn tails are cut, rot stays
 */
export type Action = "catalogue" | "rebuild" | "rewrite" | "remove" | "recover";

export interface Step {
  action: Action;
  /** Relative to the directory. */
  file: string;
  /** The first thing that was wrong with it. */
  reason: string;
}

export const WORDS: Record<Action, string> = {
  catalogue: "rebuilt from the partition folders",
  rebuild: "rebuilt from the log",
  rewrite: "written again",
  remove: "removed",
  recover: "recovered as after a crash",
};

const ORDER: readonly Action[] = ["catalogue", "remove", "recover", "rebuild", "rewrite"];

/** `problems` name files relative to `root`. */
export function planOf(files: Files, root: string, problems: readonly Problem[]): Step[] {
  const steps = new Map<string, Step>();
  for (const { file, error } of problems) {
    if (!steps.has(file)) steps.set(file, { action: actionFor(files, join(root, file)), file, reason: error });
  }
  return [...steps.values()].sort((a, b) => ORDER.indexOf(a.action) - ORDER.indexOf(b.action));
}

function actionFor(files: Files, path: string): Action {
  const name = nameOf(path);
  if (name === CATALOGUE || name === PREVIOUS_CATALOGUE) return "catalogue";
  const segment = segmentOf(name);
  if (segment === undefined)
    return parsePartitionFolder(nameOf(parentOf(path))) && isMarker(name) ? "recover" : "rewrite";
  if (segment.kind === "log") return "recover";
  const hasLog = files.stat(join(parentOf(path), segmentFile(segment.baseOffset, "log"))) !== undefined;
  return segment.kind === "snapshot" || hasLog ? "rebuild" : "remove";
}

function isMarker(name: string): boolean {
  return name.startsWith(".");
}

/** A name that cannot be parsed is no file of ours to touch. */
export function segmentOf(name: string): SegmentFile | undefined {
  try {
    return parseSegmentFile(name);
  } catch {
    return undefined;
  }
}
