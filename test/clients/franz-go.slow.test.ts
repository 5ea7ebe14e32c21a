/** franz-go, with its administrator kadm. */
import { goDriver } from "./commands.ts";
import { testClient } from "./suite.ts";

testClient({
  name: "franz-go 1.22.2",
  command: goDriver("franz"),
  codecs: ["gzip", "snappy", "lz4", "zstd"],
});
