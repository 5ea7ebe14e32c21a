/**
 * What varve is to reach. `must` is held, `aim` is wished for; a target is a ratio of two figures of one question, or, without `over`,
 * a figure itself. `less` marks those where less is better.
 */
import type { Ratio, Result } from "./results.ts";

export interface Target {
  question: string;
  of: string;
  over?: string;
  must: number;
  aim: number;
  less?: true;
}

export const TARGETS: readonly Target[] = [
  { question: "append", of: "varve", over: "raw", must: 0.33, aim: 0.55 },
  { question: "append", of: "varve", over: "lmdb", must: 5.3, aim: 9 },
  { question: "append", of: "varve", over: "better-sqlite3 OFF", must: 9.5, aim: 16 },
  { question: "append", of: "varve", over: "chronicle", must: 2.2, aim: 4 },
  { question: "append", of: "varve", over: "kafka", must: 15, aim: 25 },
  { question: "append", of: "varve ts", over: "lmdb", must: 3.3, aim: 5 },
  { question: "append", of: "varve ts", over: "better-sqlite3 OFF", must: 5.8, aim: 9 },
  { question: "append", of: "varve size", must: 128, aim: 127, less: true },
  { question: "single", of: "varve push", over: "lmdb put", must: 4, aim: 6 },
  { question: "single", of: "varve send", over: "kafkajs", must: 100, aim: 300 },
  { question: "single", of: "varve appendSync", over: "chronicle", must: 0.35, aim: 1 },
  { question: "power", of: "varve", over: "raw", must: 0.6, aim: 0.95 },
  { question: "power", of: "varve", over: "better-sqlite3 FULL", must: 2.3, aim: 5 },
  { question: "scan", of: "varve", over: "lmdb", must: 12, aim: 25 },
  { question: "scan", of: "varve", over: "better-sqlite3", must: 17, aim: 38 },
  { question: "scan", of: "varve", over: "kafka", must: 4, aim: 8 },
  { question: "scan", of: "varve reuse", over: "lmdb", must: 21, aim: 30 },
  { question: "scan", of: "varve reuse", over: "better-sqlite3", must: 31, aim: 45 },
  { question: "scan", of: "varve lazy", over: "chronicle lazy", must: 0.85, aim: 1.2 },
  { question: "scan", of: "varve ts", over: "lmdb", must: 8, aim: 13 },
  { question: "random", of: "varve", over: "lmdb", must: 1.4, aim: 3 },
  { question: "random", of: "varve", over: "better-sqlite3", must: 2, aim: 4 },
  { question: "latency", of: "varve p50", must: 2, aim: 1, less: true },
  { question: "latency", of: "varve p99", must: 30, aim: 10, less: true },
  { question: "reopen", of: "varve clean", must: 20, aim: 5, less: true },
  { question: "reopen", of: "varve killed", must: 60, aim: 25, less: true },
  { question: "grow", of: "varve append big", over: "varve append small", must: 0.85, aim: 1 },
  { question: "grow", of: "varve random big", over: "varve random small", must: 0.85, aim: 1 },
  { question: "grow", of: "varve resident", must: 150, aim: 100, less: true },
  { question: "retain", of: "varve delay p99.9", must: 15, aim: 5, less: true },
  { question: "start", of: "varve", must: 300, aim: 150, less: true },
  { question: "start", of: "varve resident", must: 100, aim: 60, less: true },
  { question: "wire", of: "varve produce 100 B", over: "kafka produce 100 B", must: 0.9, aim: 1.5 },
  { question: "wire", of: "varve produce 1 KiB", over: "kafka produce 1 KiB", must: 0.9, aim: 1.5 },
  { question: "wire", of: "varve consume 100 B", over: "kafka consume 100 B", must: 0.9, aim: 1.5 },
  { question: "wire", of: "varve consume 1 KiB", over: "kafka consume 1 KiB", must: 0.9, aim: 1.5 },
  { question: "wire", of: "varve end to end p99", over: "kafka end to end p99", must: 0.6, aim: 0.3, less: true },
  { question: "group", of: "varve group", over: "varve plain", must: 0.9, aim: 1 },
  { question: "transaction", of: "varve", must: 20_000, aim: 20_000 },
  { question: "compact", of: "varve", must: 1_000_000, aim: 1_000_000 },
  { question: "compact", of: "varve delay p99.9", must: 15, aim: 5, less: true },
];

export type Verdict = "aim" | "must" | "missed";

export function targetOf(one: Ratio | Result): Target | undefined {
  const [of, over] = "ratio" in one ? [one.of, one.over] : [one.subject, undefined];
  return TARGETS.find((target) => target.question === one.question && target.of === of && target.over === over);
}

export function verdict({ must, aim, less }: Target, value: number): Verdict {
  const reaches = (bound: number) => (less ? value <= bound : value >= bound);
  if (reaches(aim)) return "aim";
  return reaches(must) ? "must" : "missed";
}
