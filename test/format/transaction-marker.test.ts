/** Markers, byte for byte as Kafka writes them. */
import { expect, it } from "vitest";
import { ATTRIBUTES, Batch, batchProblem } from "../../src/format/batch.ts";
import { MARKER_BYTES, writeMarker } from "../../src/format/transaction-marker.ts";
import { batchesOf, golden, goldenFiles } from "./golden.ts";

interface Found {
  bytes: Uint8Array;
  batch: Batch;
  type: number;
  coordinatorEpoch: number;
}

/** The control batches of Kafka's transactional partition, read independently. */
function markersOfKafka(): Found[] {
  return goldenFiles(".log")
    .filter((path) => path.startsWith("g-txn-0/"))
    .flatMap((path) => {
      const log = golden(path);
      const view = new DataView(log.buffer, log.byteOffset);
      const control = batchesOf(log).filter(({ position }) => (view.getInt16(position + 21) & 0x20) !== 0);
      return control.map(({ position, size }) => {
        const bytes = log.slice(position, position + size);
        const coordinatorEpoch = view.getInt32(position + 73);
        return { bytes, batch: new Batch(bytes, 0), type: view.getInt16(position + 68), coordinatorEpoch };
      });
    });
}

it("are what Kafka writes, commits and aborts", () => {
  const markers = markersOfKafka();
  expect(new Set(markers.map(({ type }) => type))).toEqual(new Set([0, 1]));
  for (const { bytes, batch, type, coordinatorEpoch } of markers) {
    const { producerId, producerEpoch, baseTimestamp: timestamp } = batch;
    const outcome = type === 1 ? "commit" : "abort";
    // Whatever was there before is written over.
    const ours = new Uint8Array(MARKER_BYTES).fill(0xff);
    const sealed = writeMarker(ours, { outcome, producerId, producerEpoch, coordinatorEpoch, timestamp });
    expect([sealed.start, sealed.end, sealed.recordCount, sealed.maxTimestamp]).toEqual([
      0,
      bytes.length,
      1,
      timestamp,
    ]);
    expect(Buffer.from(ours.subarray(ATTRIBUTES))).toEqual(Buffer.from(bytes.subarray(ATTRIBUTES)));
    expect(batchProblem(ours, 0, ours.length)).toBeUndefined();
  }
});
