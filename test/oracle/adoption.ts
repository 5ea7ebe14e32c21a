/**
 * Puts partition folders that someone else wrote in the place of a stopped broker's own, and starts the broker on them.
 *
 * Kafka knows a partition folder by the topic id in partition.metadata: that file stays the broker's. All else is taken over.
 */
import { copyFileSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { KafkaBroker } from "./broker.ts";

export interface Subject {
  /** The topic that the folder's partition 0 becomes. */
  topic: string;
  folder: string;
  config?: Record<string, string>;
}

/** Expects a running broker and leaves it running, with the topics made and their partition 0 replaced. */
export async function adopt(broker: KafkaBroker, subjects: Subject[]): Promise<void> {
  for (const { topic, config } of subjects) {
    // The records may be years old: retention must not have them before a consumer does.
    await broker.createTopic(topic, { "retention.ms": "-1", ...config });
  }
  for (const { topic } of subjects) await until(() => existsSync(join(folderOf(broker, topic), "partition.metadata")));
  await broker.stop();
  for (const { topic, folder } of subjects) replace(folderOf(broker, topic), folder);
  await broker.start();
}

function folderOf(broker: KafkaBroker, topic: string): string {
  return join(broker.dataFolder, `${topic}-0`);
}

function replace(folder: string, by: string): void {
  for (const name of readdirSync(folder)) if (name !== "partition.metadata") rmSync(join(folder, name));
  for (const name of readdirSync(by)) {
    // As a user would copy it, but for the notes that lie beside the golden segments.
    if (name !== "partition.metadata" && !name.endsWith(".txt")) copyFileSync(join(by, name), join(folder, name));
  }
}

async function until(condition: () => boolean, deadlineMs = 15_000): Promise<void> {
  for (let waited = 0; !condition(); waited += 50) {
    if (waited >= deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${condition}`);
    await pause(50);
  }
}
