/**
 * Which neighbouring segments are cleaned into one: as many as fit `segmentBytes` and the 31 bits of an index entry, by their
 * size before. Cleaned segments are small, and would stay small for ever.
 */
import { MAX_RELATIVE } from "../format/offset-index.ts";
import { MAX_SEGMENT_BYTES, type Segment } from "./segment.ts";

export function groupSegments(segments: readonly Segment[], segmentBytes: number): Segment[][] {
  const mostBytes = Math.min(segmentBytes, MAX_SEGMENT_BYTES);
  const groups: Segment[][] = [];
  let group: Segment[] = [];
  let size = 0;
  for (const segment of segments) {
    const fits = size + segment.size <= mostBytes && segment.endOffset - 1 - group[0]?.baseOffset <= MAX_RELATIVE;
    if (group.length > 0 && !fits) {
      groups.push(group);
      group = [];
      size = 0;
    }
    group.push(segment);
    size += segment.size;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
