/**
 * From a frame to its answer: header, version, request, handler, response.
 *
 *   ApiVersions in a version we don't have   error 35 in version 0, with the versions that we have
 *   Produce before version 3                 its handler answers error 35
 *   any other API or version we don't have   the connection is closed, as Kafka does: who asked ApiVersions does not come here
 *   a request that cannot be read            the connection is closed
 */
import type { MessageReader } from "../format/message-reader.ts";
import { type Api, readHeaderEnd, readHeaderStart, requestReader, writeResponse } from "./api.ts";
import type { Broker } from "./broker.ts";
import { ERROR } from "./error-codes.ts";
import { type Caller, Later, NO_REPLY, type Served, Unanswerable } from "./handler.ts";
import { HANDLERS } from "./handlers.ts";
import { ApiVersions } from "./messages/18-api-versions.ts";

/** A frame in pieces; undefined where there is no reply. */
export type Reply = readonly Uint8Array[] | undefined;

export async function dispatch(frame: Uint8Array, broker: Broker, caller: Caller): Promise<Reply | Later<Reply>> {
  const from = requestReader(frame);
  const { apiKey, apiVersion, correlationId } = readHeaderStart(from);
  const found = HANDLERS.get(apiKey);
  if (found === undefined) throw new Unanswerable(`there is no API ${apiKey} here`);
  const { api } = found;
  const [first, last] = api.versions;
  if (apiVersion < first || apiVersion > last) {
    if (api.key === ApiVersions.key) return unsupportedApiVersions(correlationId);
    throw new Unanswerable(`${api.name} ${apiVersion}: versions ${first} to ${last} are here`);
  }
  const clientId = readHeaderEnd(from, apiVersion >= api.flexibleFrom) ?? "";
  const answer = await answerOf(found, from, { broker, caller, version: apiVersion, clientId });
  const encode = (response: unknown): Reply => writeResponse(api, apiVersion, correlationId, response).chunks();
  if (answer === NO_REPLY) return undefined;
  return answer instanceof Later ? new Later(answer.value.then(encode)) : encode(answer);
}

function answerOf(
  { api, handle }: Served,
  header: MessageReader,
  call: { broker: Broker; caller: Caller; version: number; clientId: string },
): ReturnType<Served["handle"]> {
  return handle(readRequest(api, header, call.version), call);
}

/** What follows the fields that we know is not looked at: Kafka does not either. */
function readRequest(api: Api, header: MessageReader, version: number): unknown {
  return api.request.read(requestReader(header.bytes, header.at, version));
}

/** The one answer that every client can read. */
function unsupportedApiVersions(correlationId: number): Reply {
  const [minVersion, maxVersion] = ApiVersions.versions;
  const apiKeys = [{ apiKey: ApiVersions.key, minVersion, maxVersion }];
  return writeResponse(ApiVersions, 0, correlationId, { errorCode: ERROR.UNSUPPORTED_VERSION, apiKeys }).chunks();
}
