/**
 * @platformatic/kafka. It has zstd as well, where Node has (22.15); here it is left out. Of snappy it knows the plain
 * format only, not the framed one, which the Java client and we write.
 */
import { CACHE, nodeDriver } from "./commands.ts";
import { testClient } from "./suite.ts";

testClient({
  name: "@platformatic/kafka 1.35.0",
  command: nodeDriver("platformatic"),
  env: { VARVE_CLIENTS: CACHE },
  codecs: ["gzip", "snappy", "lz4"],
  ownCodecs: ["snappy"],
  handlesLostPartitions: true,
});
