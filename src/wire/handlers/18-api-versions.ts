/**
 * ApiVersions (18), versions 0–4. A later version is answered in version 0 with error 35, which dispatch.ts does. A client
 * that names itself must do so in Kafka's way. Not here: features.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { APIS } from "../apis.ts";
import { ERROR } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { ApiVersions } from "../messages/18-api-versions.ts";

const FIRST_VERSION_WITH_NAMES = 3;
const CLIENT_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

const API_KEYS = APIS.map(({ key: apiKey, versions: [minVersion, maxVersion] }) => ({
  apiKey,
  minVersion,
  maxVersion,
}));

export function apiVersions(
  { clientSoftwareName, clientSoftwareVersion }: RequestOf<typeof ApiVersions>,
  { version }: Call,
): ResponseOf<typeof ApiVersions> {
  const isNamed = CLIENT_NAME.test(clientSoftwareName) && CLIENT_NAME.test(clientSoftwareVersion);
  if (version >= FIRST_VERSION_WITH_NAMES && !isNamed) return { errorCode: ERROR.INVALID_REQUEST, apiKeys: [] };
  return { errorCode: ERROR.NONE, apiKeys: API_KEYS };
}
