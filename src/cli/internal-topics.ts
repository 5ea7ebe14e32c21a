/** What the records of `__consumer_offsets` and `__transaction_state` say, for dump. */
import { hasCode } from "../errors.ts";
import {
  type GroupKey,
  readGroupKey,
  readGroupMetadataValue,
  readOffsetCommitValue,
} from "../format/group-metadata.ts";
import type { ReadOptions } from "../format/schema.ts";
import { readTransactionKey, readTransactionValue, type TransactionKey } from "../format/transaction-metadata.ts";
import { type Encoding, encodeBytes } from "./encoding.ts";

export interface Decoded {
  decodedKey?: unknown;
  decodedValue?: unknown;
}

export type Decoder = (key: Uint8Array | null, value: Uint8Array | null, encoding: Encoding) => Decoded;

/** Undefined for topics whose records are their owner's business. */
export function decoderFor(topic: string | undefined): Decoder | undefined {
  if (topic === "__consumer_offsets") return decodeWith(readGroupKey, readGroupValue);
  if (topic === "__transaction_state") return decodeWith(readTransactionKey, readTransactionState);
  return undefined;
}

const PRINTED: ReadOptions = { unsafe: "string" };

/** What cannot be decoded is left out: the raw key and value are there all the same. */
function decodeWith<K>(readKey: (bytes: Uint8Array) => K, readValue: (key: K, bytes: Uint8Array) => unknown): Decoder {
  return (key, value, encoding) => {
    const decoded: Decoded = {};
    try {
      if (key === null) return decoded;
      const decodedKey = readKey(key);
      decoded.decodedKey = decodedKey;
      decoded.decodedValue = value === null ? null : printable(readValue(decodedKey, value), encoding);
    } catch (error) {
      if (!hasCode(error, "VARVE_CORRUPT", "VARVE_UNSUPPORTED_VERSION")) throw error;
    }
    return decoded;
  };
}

function readGroupValue(key: GroupKey, bytes: Uint8Array): unknown {
  if (key.kind === "offset-commit") return readOffsetCommitValue(bytes, PRINTED);
  return key.kind === "group-metadata" ? readGroupMetadataValue(bytes, PRINTED) : undefined;
}

function readTransactionState(key: TransactionKey, bytes: Uint8Array): unknown {
  return key.kind === "transaction" ? readTransactionValue(bytes, PRINTED) : undefined;
}

/** A copy in which bytes are text. */
function printable(value: unknown, encoding: Encoding): unknown {
  if (value instanceof Uint8Array) return encodeBytes(value, encoding);
  if (Array.isArray(value)) return value.map((item) => printable(item, encoding));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, printable(field, encoding)]));
}
