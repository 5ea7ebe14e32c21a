/** Which handler answers which API: one file of handlers/ each, numbered by API key. */
import type { Served } from "./handler.ts";
import { served } from "./handler.ts";
import { produce } from "./handlers/00-produce.ts";
import { fetch } from "./handlers/01-fetch.ts";
import { listOffsets } from "./handlers/02-list-offsets.ts";
import { metadata } from "./handlers/03-metadata.ts";
import { findCoordinator } from "./handlers/10-find-coordinator.ts";
import { apiVersions } from "./handlers/18-api-versions.ts";
import { createTopics } from "./handlers/19-create-topics.ts";
import { deleteTopics } from "./handlers/20-delete-topics.ts";
import { initProducerId } from "./handlers/22-init-producer-id.ts";
import { offsetForLeaderEpoch } from "./handlers/23-offset-for-leader-epoch.ts";
import { describeConfigs } from "./handlers/32-describe-configs.ts";
import { createPartitions } from "./handlers/37-create-partitions.ts";
import { incrementalAlterConfigs } from "./handlers/44-incremental-alter-configs.ts";
import { listPartitionReassignments } from "./handlers/46-list-partition-reassignments.ts";
import { describeCluster } from "./handlers/60-describe-cluster.ts";
import { Produce } from "./messages/00-produce.ts";
import { Fetch } from "./messages/01-fetch.ts";
import { ListOffsets } from "./messages/02-list-offsets.ts";
import { Metadata } from "./messages/03-metadata.ts";
import { FindCoordinator } from "./messages/10-find-coordinator.ts";
import { ApiVersions } from "./messages/18-api-versions.ts";
import { CreateTopics } from "./messages/19-create-topics.ts";
import { DeleteTopics } from "./messages/20-delete-topics.ts";
import { InitProducerId } from "./messages/22-init-producer-id.ts";
import { OffsetForLeaderEpoch } from "./messages/23-offset-for-leader-epoch.ts";
import { DescribeConfigs } from "./messages/32-describe-configs.ts";
import { CreatePartitions } from "./messages/37-create-partitions.ts";
import { IncrementalAlterConfigs } from "./messages/44-incremental-alter-configs.ts";
import { ListPartitionReassignments } from "./messages/46-list-partition-reassignments.ts";
import { DescribeCluster } from "./messages/60-describe-cluster.ts";

const ALL: readonly Served[] = [
  served(Produce, produce),
  served(Fetch, fetch),
  served(ListOffsets, listOffsets),
  served(Metadata, metadata),
  served(FindCoordinator, findCoordinator),
  served(ApiVersions, apiVersions),
  served(CreateTopics, createTopics),
  served(DeleteTopics, deleteTopics),
  served(InitProducerId, initProducerId),
  served(OffsetForLeaderEpoch, offsetForLeaderEpoch),
  served(DescribeConfigs, describeConfigs),
  served(CreatePartitions, createPartitions),
  served(IncrementalAlterConfigs, incrementalAlterConfigs),
  served(ListPartitionReassignments, listPartitionReassignments),
  served(DescribeCluster, describeCluster),
];

export const HANDLERS: ReadonlyMap<number, Served> = new Map(ALL.map((one) => [one.api.key, one]));
