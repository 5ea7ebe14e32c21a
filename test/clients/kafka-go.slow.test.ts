/** segmentio/kafka-go, whose writers are never idempotent and know no transactions, and which reads what is empty as null. */
import { goDriver } from "./commands.ts";
import { withNullForEmpty } from "./records.ts";
import { testClient } from "./suite.ts";

testClient({
  name: "kafka-go 0.4.51",
  command: goDriver("segmentio"),
  codecs: ["gzip", "snappy", "lz4", "zstd"],
  isNeverIdempotent: true,
  lacks: ["begin", "end", "transform"],
  shown: withNullForEmpty,
});
