/**
 * DescribeConfigs (32), versions 1–4: topics with all that is in force for them, and the few things of the broker that clients
 * look at. Not here: loggers, groups, documentation.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { type Broker, NODE_ID, REPLICATION_FACTOR } from "../broker.ts";
import { ERROR, Refused, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { DescribeConfigs } from "../messages/32-describe-configs.ts";
import { type ShownConfig, shownConfigs } from "../topic-configs.ts";

type Request = RequestOf<typeof DescribeConfigs>;
type Asked = Request["resources"][number];
type Answer = ResponseOf<typeof DescribeConfigs>["results"][number];

export const TOPIC_RESOURCE = 2;
const BROKER_RESOURCE = 4;

const STATIC_BROKER_CONFIG = 4;
const STRING = 2;

export async function describeConfigs(
  { resources, includeSynonyms }: Request,
  { broker }: Call,
): Promise<ResponseOf<typeof DescribeConfigs>> {
  const results = new Map<string, Answer>();
  for (const asked of resources) {
    const key = `${asked.resourceType}/${asked.resourceName}`;
    if (!results.has(key)) results.set(key, described(asked, includeSynonyms, broker));
  }
  return { results: [...results.values()] };
}

function described(asked: Asked, includeSynonyms: boolean, broker: Broker): Answer {
  const { resourceType, resourceName, configurationKeys } = asked;
  const names = configurationKeys === null ? undefined : new Set(configurationKeys);
  try {
    const configs = configsOf(asked, broker)
      .filter(({ name }) => names === undefined || names.has(name))
      .map((config) => ({ ...config, synonyms: includeSynonyms ? synonyms(config) : [] }));
    return { errorCode: ERROR.NONE, resourceType, resourceName, configs };
  } catch (error) {
    return { ...refusalOf(error), resourceType, resourceName, configs: [] };
  }
}

function configsOf({ resourceType, resourceName }: Asked, broker: Broker): ShownConfig[] {
  if (resourceType === TOPIC_RESOURCE) return shownConfigs(broker.engine.topic(resourceName));
  if (resourceType !== BROKER_RESOURCE) {
    throw new Refused(ERROR.INVALID_REQUEST, `resources of type ${resourceType} have no configuration here`);
  }
  if (resourceName !== "" && resourceName !== String(NODE_ID)) {
    throw new Refused(ERROR.INVALID_REQUEST, `there is no broker ${resourceName}; there is ${NODE_ID}`);
  }
  return resourceName === "" ? [] : brokerConfigs(broker);
}

function brokerConfigs({ options, host, port }: Broker): ShownConfig[] {
  const values = {
    "advertised.listeners": `PLAINTEXT://${host}:${port}`,
    "auto.create.topics.enable": options.autoCreateTopics,
    "default.replication.factor": REPLICATION_FACTOR,
    "min.insync.replicas": REPLICATION_FACTOR,
    "node.id": NODE_ID,
    "num.partitions": options.defaultPartitions,
    "offsets.topic.replication.factor": REPLICATION_FACTOR,
    "socket.request.max.bytes": options.maxRequestBytes,
  };
  return Object.entries(values).map(([name, value]) => {
    const fixed = { readOnly: true, configSource: STATIC_BROKER_CONFIG, isSensitive: false, configType: STRING };
    return { name, value: String(value), ...fixed };
  });
}

function synonyms({
  name,
  value,
  configSource: source,
}: ShownConfig): { name: string; value: string | null; source: number }[] {
  return [{ name, value, source }];
}
