/** Kafka's Uuid as text: the 16 bytes in URL-safe base64 without padding, always 22 characters. */
import { VarveError } from "../errors.ts";

export const UUID_BYTES = 16;

/** What Kafka writes where there is no id: 16 zero bytes. */
export const ZERO_UUID = "A".repeat(22);

/** The 128 bits end in the middle of the last character: of 64 only the four with zeros behind them are canonical. */
const UUID = /^[A-Za-z0-9_-]{21}[AQgw]$/;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

export function uuidToString(bytes: Uint8Array, at = 0): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, UUID_BYTES).toString("base64url");
}

export function uuidFromString(text: string): Uint8Array {
  if (!isUuid(text)) {
    const expected = "22 characters of URL-safe base64 were expected";
    throw new VarveError("VARVE_INVALID_ARGUMENT", `${JSON.stringify(text)} is no uuid: ${expected}`);
  }
  return new Uint8Array(Buffer.from(text, "base64url"));
}
