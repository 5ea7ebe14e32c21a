/** sarama. Its administrator and its group consumer are its own; the range strategy is its default. */
import { goDriver } from "./commands.ts";
import { testClient } from "./suite.ts";

testClient({
  name: "sarama 1.61.1",
  command: goDriver("sarama"),
  codecs: ["gzip", "snappy", "lz4", "zstd"],
});
