/**
 * IncrementalAlterConfigs (44), versions 0–1: configuration of topics. Lists, of which cleanup.policy is the only one, can be
 * appended to and subtracted from. What a broker has is set where it is started.
 */
import { alteredConfig, type ConfigChanges } from "../../engine/config.ts";
import type { Topic } from "../../engine/topic.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import type { Broker } from "../broker.ts";
import { ERROR, Refused, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { IncrementalAlterConfigs } from "../messages/44-incremental-alter-configs.ts";
import { givenConfigs, optionNamed } from "../topic-configs.ts";
import { Turns } from "../turns.ts";
import { TOPIC_RESOURCE } from "./32-describe-configs.ts";

type Request = RequestOf<typeof IncrementalAlterConfigs>;
type Asked = Request["resources"][number];
type Change = Asked["configs"][number];
type Answer = ResponseOf<typeof IncrementalAlterConfigs>["responses"][number];

const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

export async function incrementalAlterConfigs(
  { resources, validateOnly }: Request,
  { broker }: Call,
): Promise<ResponseOf<typeof IncrementalAlterConfigs>> {
  const responses: Answer[] = [];
  const turns = new Turns();
  for (const asked of resources) {
    const { resourceType, resourceName } = asked;
    try {
      await alter(asked, validateOnly, broker);
      responses.push({ errorCode: ERROR.NONE, resourceType, resourceName });
    } catch (error) {
      responses.push({ ...refusalOf(error), resourceType, resourceName });
    }
    await turns.after(Turns.NAME);
  }
  return { responses };
}

async function alter(
  { resourceType, resourceName, configs }: Asked,
  validateOnly: boolean,
  broker: Broker,
): Promise<void> {
  if (resourceType !== TOPIC_RESOURCE) {
    throw new Refused(ERROR.INVALID_REQUEST, "only the configuration of topics can be altered here");
  }
  const topic = broker.engine.topic(resourceName);
  const changes = changesOf(topic, configs);
  alteredConfig(topic.ownConfig, changes, topic.name);
  if (!validateOnly) await topic.alterConfig(changes);
}

function changesOf(topic: Topic, configs: readonly Change[]): ConfigChanges {
  let changes: ConfigChanges = {};
  const names = new Set<string>();
  for (const change of configs) {
    const { name, configOperation } = change;
    if (names.has(name)) throw new Refused(ERROR.INVALID_REQUEST, `the config ${name} is named more than once`);
    names.add(name);
    const option = optionNamed(name, topic.name);
    if (option === undefined) continue;
    if (configOperation === DELETE) changes = { ...changes, [option]: null };
    else changes = { ...changes, ...givenConfigs([{ name, value: newValue(topic, change) }], topic.name) };
  }
  return changes;
}

function newValue(topic: Topic, { name, configOperation, value }: Change): string | null {
  if (configOperation === SET) return value;
  if (configOperation !== APPEND && configOperation !== SUBTRACT) {
    throw new Refused(ERROR.INVALID_REQUEST, `there is no operation ${configOperation}`);
  }
  if (name !== "cleanup.policy") throw new Refused(ERROR.INVALID_CONFIG, `the config ${name} is no list`);
  const items = (value ?? "").split(",").map((item) => item.trim());
  const before = topic.config.cleanupPolicy.split(",");
  const after = configOperation === APPEND ? [...before, ...items] : before.filter((item) => !items.includes(item));
  return [...new Set(after)].join(",");
}
