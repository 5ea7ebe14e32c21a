/** franz-go, with its administrator kadm. */
import { join } from "node:path";
import { CACHE, testClient } from "./suite.ts";

testClient({
  name: "franz-go 1.22.2",
  command: [join(CACHE, "go/franz")],
  codecs: ["gzip", "snappy", "lz4", "zstd"],
});
