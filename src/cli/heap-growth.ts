/**
 * How far the heap of a server may grow before V8 goes through all of it.
 *
 * V8 counts the buffers that come through sockets as if they were part of the heap. That of a server is small, so every 8 MB of
 * them were reason enough: fifty times for 400 MB of produced records, which cost as much as all that is done with the records.
 * Nearly all buffers are dead by then, and are freed with the young objects anyway. So a small heap may grow to eight times what is
 * in use; a large one is left to V8, since eight times as much would be a lot.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";

const SMALL_HEAP_BYTES = 32 * 1024 * 1024;
const GROWING_PERCENT = 700;
const AS_V8_LIKES = 0;

/** Between two looks at the size of the heap. */
const LOOK_MS = 10_000;

/** Returns the call that ends it. */
export function letSmallHeapGrow(
  heapBytes = () => getHeapStatistics().used_heap_size,
  setFlag: (flag: string) => void = setFlagsFromString,
): () => void {
  let percent = AS_V8_LIKES;
  const change = (to: number) => {
    if (to === percent) return;
    percent = to;
    setFlag(`--heap-growing-percent=${percent}`);
  };
  const look = () => change(heapBytes() < SMALL_HEAP_BYTES ? GROWING_PERCENT : AS_V8_LIKES);
  look();
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    change(AS_V8_LIKES);
  };
}
