/** Where a log starts at least. When every segment is gone it goes on at the recovery point: no offset is used twice. */
import type { Files } from "../storage/files.ts";
import type { LogEvent } from "../storage/log-state.ts";
import type { PartitionPlace } from "./partition-place.ts";
import { sizeInFolder } from "./partition-size.ts";

export function startAfterLoss(
  where: { topic: string; partition: number },
  { startOffset, recoveryPoint = 0, folder }: PartitionPlace,
  host: { files: Files; readOnly: boolean; report(event: LogEvent): void },
): number {
  if (recoveryPoint <= startOffset || host.readOnly) return startOffset;
  if (sizeInFolder(host.files, folder).segments > 0) return startOffset;
  const lost = { from: startOffset, to: recoveryPoint, file: folder, position: 0, reason: "every segment is missing" };
  host.report({ kind: "corrupt", ...where, ...lost });
  return recoveryPoint;
}
