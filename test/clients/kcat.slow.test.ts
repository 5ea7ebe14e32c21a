/**
 * kcat, which has librdkafka inside. It takes keys and headers as arguments, which end at a zero byte, as do the headers
 * that it prints; the time of a record is that of sending it.
 */
import { KCAT } from "./commands.ts";
import { base64, type NewRecord } from "./records.ts";
import { testClient } from "./suite.ts";

testClient({
  name: "kcat 1.7.1",
  command: KCAT,
  codecs: ["gzip", "snappy", "lz4", "zstd"],
  lacks: [
    "begin",
    "end",
    "transform",
    "createTopic",
    "addPartitions",
    "describeConfigs",
    "alterConfigs",
    "deleteTopic",
    "listGroups",
    "describeGroup",
    "deleteGroup",
  ],
  sendable: (record) => ({ ...record, timestamp: -1, headers: record.headers.filter(isArgument) }),
  shown: (record) => ({ ...record, headers: record.headers.map(([name, value]) => [name, untilZero(value)]) }),
});

function isArgument([name, value]: NewRecord["headers"][number]): boolean {
  return name !== "" && !Buffer.from(value ?? "", "base64").includes(0);
}

function untilZero(value: string | null): string | null {
  if (value === null) return null;
  const bytes = Buffer.from(value, "base64");
  return base64(bytes.subarray(0, bytes.includes(0) ? bytes.indexOf(0) : bytes.length));
}
