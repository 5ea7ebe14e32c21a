/**
 * Text out of a buffer. Keys are short and nearly always ASCII: those are made here, in one call of a built-in function that the
 * compiler knows, where the way into the runtime would take twice as long. Longer text is the runtime's.
 */
const fromUnits = String.fromCharCode;

/** As many units as one call makes. */
const SHORT = 16;

/** The text that bytes[start, end) hold as UTF-8. What is no UTF-8 becomes U+FFFD. */
export function readText(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > SHORT || start + SHORT > bytes.length || !isAscii(bytes, start, end))
    return bytes.toString("utf8", start, end);
  const text = sixteen(bytes, start);
  return length === SHORT ? text : text.slice(0, length);
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  let bits = 0;
  for (let at = start; at < end; at++) bits |= bytes[at];
  return bits < 0x80;
}

function sixteen(bytes: Uint8Array, at: number): string {
  return fromUnits(
    bytes[at],
    bytes[at + 1],
    bytes[at + 2],
    bytes[at + 3],
    bytes[at + 4],
    bytes[at + 5],
    bytes[at + 6],
    bytes[at + 7],
    bytes[at + 8],
    bytes[at + 9],
    bytes[at + 10],
    bytes[at + 11],
    bytes[at + 12],
    bytes[at + 13],
    bytes[at + 14],
    bytes[at + 15],
  );
}
