/**
 * The records that every question is asked about: 1000 of them, one batch, a key of 16 bytes and a value of 100, without
 * headers, a millisecond apart. Always the same ones.
 */
export const RECORD_COUNT = 1000;
export const KEY_BYTES = 16;
export const VALUE_BYTES = 100;
/** What a record is to those who store bytes without looking into them: key and value, one behind the other. */
export const RECORD_BYTES = KEY_BYTES + VALUE_BYTES;
export const FIRST_TIMESTAMP = 1_700_000_000_000;

export interface BenchRecord<Field extends Uint8Array | string> {
  key: Field;
  value: Field;
  timestamp: number;
}

export function textRecords(): BenchRecord<string>[] {
  return Array.from({ length: RECORD_COUNT }, (_, index) => ({
    key: `customer-${String(index).padStart(KEY_BYTES - 9, "0")}`,
    value: JSON.stringify({ order: 7_000_000 + index, note: letters(index, VALUE_BYTES - 27) }),
    timestamp: FIRST_TIMESTAMP + index,
  }));
}

export function bytesRecords(): BenchRecord<Buffer>[] {
  return textRecords().map(({ key, value, timestamp }) => ({
    key: Buffer.from(key),
    value: Buffer.from(value),
    timestamp,
  }));
}

/** Letters without a period that a processor could learn. */
function letters(seed: number, length: number): string {
  let state = seed + 1;
  let text = "";
  while (text.length < length) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    text += String.fromCharCode(97 + ((state >>> 16) % 26));
  }
  return text;
}
