/** What a flush makes durable, seen on the disk that a power cut would leave right behind it. */
import { expect, it } from "vitest";
import { TestClock } from "../../src/testing/clock.ts";
import { CrashImages } from "../simulation/images.ts";
import { RecordingFiles } from "../simulation/recorder.ts";
import { batchOf, FOLDER, imageOf, openLog } from "./partition.ts";

it("the indexes of a segment that was sealed since its batches were synced", async () => {
  const files = new RecordingFiles({ clock: new TestClock() });
  const { log } = await openLog(files, { config: { indexIntervalBytes: 0 } });
  for (let i = 1; i <= 4; i++) log.append(batchOf([{ value: `${i}`, timestamp: i }]));
  await log.flush();
  log.roll();
  await log.flush();
  const images = new CrashImages(files.journal, 1);
  images.advanceTo(files.journal.entries.length);
  const left = imageOf(images.image("nothing").files, FOLDER);
  const first = (kind: string) => `${"0".repeat(20)}.${kind}`;
  for (const kind of ["log", "index", "timeindex"]) expect(left[first(kind)]).toBe(imageOf(files, FOLDER)[first(kind)]);
  expect(left[first("index")].length).toBeGreaterThan(0);
  await log.close();
});
