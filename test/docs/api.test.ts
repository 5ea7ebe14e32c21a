/** docs/api.md names every call that users have. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/api.md"), "utf8");
const code = [...page.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text);

/** Methods and getters, but for what is marked internal, protected or private. */
function membersOf(file: string, name: string): string[] {
  const source = readFileSync(join(root, "src/client", file), "utf8");
  const [, body] = new RegExp(`\nexport class ${name}\\b([^]*?)\n}\n`).exec(source) as RegExpExecArray;
  const found = body.matchAll(/(.*)\n {2}(?:async )?(?:get )?([a-z]\w*)(?:<[^>(]*>)?\(/g);
  const names = [...found].filter(([, before]) => !/@internal \*\/$/.test(before)).map(([, , member]) => member);
  return [...new Set(names)].filter((member) => member !== "constructor" && member !== "if" && member !== "for");
}

describe.each([
  ["varve-log.ts", "VarveLog"],
  ["topic.ts", "TopicHandle"],
  ["latest-values.ts", "LatestValues"],
  ["producer.ts", "Producer"],
  ["transaction.ts", "Transaction"],
  ["consumer.ts", "Consumer"],
  ["consumer-group.ts", "ConsumerGroup"],
  ["record-batch.ts", "RecordBatch"],
  ["record.ts", "ConsumerRecord"],
])("docs/api.md", (file, name) => {
  it(`names the calls of ${name}`, () => {
    const members = membersOf(file, name);
    expect(members.length).toBeGreaterThan(0);
    const isNamed = (member: string) => code.some((text) => new RegExp(`^${member}\\b`).test(text));
    expect(members.filter((member) => !isNamed(member))).toEqual([]);
  });
});
