/** Which names a new topic may have: Kafka's rule, and nothing that a file system could take for another topic. */
import { VarveError } from "../errors.ts";
import { topicNameProblem } from "../storage/paths.ts";
import { isInternalName } from "./topic.ts";

/** Throws unless a topic of that name can be made beside those that are there. */
export function checkNewName(name: string, topics: ReadonlyMap<string, unknown>): void {
  if (typeof name !== "string") throw new VarveError("VARVE_INVALID_TOPIC", "the name of a topic must be a string");
  if (isInternalName(name)) throw invalid(name, `the topic ${name} is made by the log itself`);
  const problem = topicNameProblem(name);
  if (problem !== undefined) throw invalid(name, `${JSON.stringify(name)} is no topic name: ${problem}`);
  if (topics.has(name)) throw new VarveError("VARVE_TOPIC_EXISTS", `the topic ${name} exists already`, { topic: name });
  const lower = name.toLowerCase();
  const same = [...topics.keys()].find((present) => present.toLowerCase() === lower);
  if (same === undefined) return;
  const reason = "would differ in case alone, which some file systems cannot tell apart";
  throw invalid(name, `the topics ${name} and ${same} ${reason}`);
}

function invalid(name: string, message: string): VarveError {
  return new VarveError("VARVE_INVALID_TOPIC", message, { topic: name });
}
