/**
 * What a file of messages/ describes: one API of Kafka's protocol, its key, its versions, its two messages.
 *
 * Headers follow from the version: a flexible request has header 2 (with tagged fields; the client id stays a plain string)
 * and its response header 1; others have request header 1 and response header 0.
 */
import { MessageReader } from "../format/message-reader.ts";
import { flexible, type Infer, type Input, int16, int32, nullableString, struct, type Type } from "../format/schema.ts";
import { ResponseWriter } from "./response-writer.ts";

// biome-ignore lint/suspicious/noExplicitAny: an API whose messages are not known here
export interface Api<Request = any, RequestInput = any, Response = any, ResponseInput = any> {
  readonly key: number;
  readonly name: string;
  /** The first and the last that ApiVersions lists. */
  readonly versions: readonly [first: number, last: number];
  readonly flexibleFrom: number;
  readonly request: Type<Request, RequestInput>;
  readonly response: Type<Response, ResponseInput>;
}

export type RequestOf<A extends Api> = Infer<A["request"]>;
/** What a handler returns. */
export type ResponseOf<A extends Api> = Input<A["response"]>;

export function defineApi<Q, QI, R, RI>(api: Api<Q, QI, R, RI>): Api<Q, QI, R, RI> {
  const { flexibleFrom, request, response } = api;
  return { ...api, request: flexible(flexibleFrom, request), response: flexible(flexibleFrom, response) };
}

const HeaderStart = struct({ apiKey: int16, apiVersion: int16, correlationId: int32 });
const ClientId = nullableString;
const HeaderTags = flexible(0, struct({}));

export interface RequestHeader {
  apiKey: number;
  apiVersion: number;
  correlationId: number;
}

/** The part of a request's header that is the same in every version. The reader stands behind it then. */
export function readHeaderStart(from: MessageReader): RequestHeader {
  return HeaderStart.read(from);
}

/** The rest of the header, which depends on the API. Returns the client id. */
export function readHeaderEnd(from: MessageReader, isFlexible: boolean): string | null {
  const clientId = ClientId.read(from);
  if (isFlexible) HeaderTags.read(from);
  return clientId;
}

/** Every element of an array costs memory, however few bytes it has: a request has no more of them than this. */
const MAX_ELEMENTS = 250_000;

/** A reader of the frame's content, whose version `of` can tell once the header was read. */
export function requestReader(frame: Uint8Array, at = 0, version = 0): MessageReader {
  return new MessageReader(frame, version, at, frame.length, { maxElements: MAX_ELEMENTS });
}

/** A response with its header, ready to be sent. */
export function writeResponse<A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  response: ResponseOf<A>,
): ResponseWriter {
  const to = new ResponseWriter(version);
  to.int32(correlationId);
  if (hasFlexibleResponseHeader(api, version)) to.uvarint(0);
  api.response.write(to, response);
  return to;
}

const API_VERSIONS = 18;

function hasFlexibleResponseHeader(api: Api, version: number): boolean {
  return version >= api.flexibleFrom && api.key !== API_VERSIONS;
}
