/** Which handler answers which API: one file of handlers/ each, numbered by API key. */
import { type Served, served } from "./handler.ts";
import { produce } from "./handlers/00-produce.ts";
import { fetch } from "./handlers/01-fetch.ts";
import { listOffsets } from "./handlers/02-list-offsets.ts";
import { metadata } from "./handlers/03-metadata.ts";
import { offsetCommit } from "./handlers/08-offset-commit.ts";
import { offsetFetch } from "./handlers/09-offset-fetch.ts";
import { findCoordinator } from "./handlers/10-find-coordinator.ts";
import { joinGroup } from "./handlers/11-join-group.ts";
import { heartbeat } from "./handlers/12-heartbeat.ts";
import { leaveGroup } from "./handlers/13-leave-group.ts";
import { syncGroup } from "./handlers/14-sync-group.ts";
import { describeGroups } from "./handlers/15-describe-groups.ts";
import { listGroups } from "./handlers/16-list-groups.ts";
import { apiVersions } from "./handlers/18-api-versions.ts";
import { createTopics } from "./handlers/19-create-topics.ts";
import { deleteTopics } from "./handlers/20-delete-topics.ts";
import { initProducerId } from "./handlers/22-init-producer-id.ts";
import { offsetForLeaderEpoch } from "./handlers/23-offset-for-leader-epoch.ts";
import { addPartitionsToTxn } from "./handlers/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "./handlers/25-add-offsets-to-txn.ts";
import { endTxn } from "./handlers/26-end-txn.ts";
import { txnOffsetCommit } from "./handlers/28-txn-offset-commit.ts";
import { describeConfigs } from "./handlers/32-describe-configs.ts";
import { createPartitions } from "./handlers/37-create-partitions.ts";
import { deleteGroups } from "./handlers/42-delete-groups.ts";
import { incrementalAlterConfigs } from "./handlers/44-incremental-alter-configs.ts";
import { listPartitionReassignments } from "./handlers/46-list-partition-reassignments.ts";
import { describeCluster } from "./handlers/60-describe-cluster.ts";
import { describeProducers } from "./handlers/61-describe-producers.ts";
import { describeTransactions } from "./handlers/65-describe-transactions.ts";
import { listTransactions } from "./handlers/66-list-transactions.ts";
import { Produce } from "./messages/00-produce.ts";
import { Fetch } from "./messages/01-fetch.ts";
import { ListOffsets } from "./messages/02-list-offsets.ts";
import { Metadata } from "./messages/03-metadata.ts";
import { OffsetCommit } from "./messages/08-offset-commit.ts";
import { OffsetFetch } from "./messages/09-offset-fetch.ts";
import { FindCoordinator } from "./messages/10-find-coordinator.ts";
import { JoinGroup } from "./messages/11-join-group.ts";
import { Heartbeat } from "./messages/12-heartbeat.ts";
import { LeaveGroup } from "./messages/13-leave-group.ts";
import { SyncGroup } from "./messages/14-sync-group.ts";
import { DescribeGroups } from "./messages/15-describe-groups.ts";
import { ListGroups } from "./messages/16-list-groups.ts";
import { ApiVersions } from "./messages/18-api-versions.ts";
import { CreateTopics } from "./messages/19-create-topics.ts";
import { DeleteTopics } from "./messages/20-delete-topics.ts";
import { InitProducerId } from "./messages/22-init-producer-id.ts";
import { OffsetForLeaderEpoch } from "./messages/23-offset-for-leader-epoch.ts";
import { AddPartitionsToTxn } from "./messages/24-add-partitions-to-txn.ts";
import { AddOffsetsToTxn } from "./messages/25-add-offsets-to-txn.ts";
import { EndTxn } from "./messages/26-end-txn.ts";
import { TxnOffsetCommit } from "./messages/28-txn-offset-commit.ts";
import { DescribeConfigs } from "./messages/32-describe-configs.ts";
import { CreatePartitions } from "./messages/37-create-partitions.ts";
import { DeleteGroups } from "./messages/42-delete-groups.ts";
import { IncrementalAlterConfigs } from "./messages/44-incremental-alter-configs.ts";
import { ListPartitionReassignments } from "./messages/46-list-partition-reassignments.ts";
import { DescribeCluster } from "./messages/60-describe-cluster.ts";
import { DescribeProducers } from "./messages/61-describe-producers.ts";
import { DescribeTransactions } from "./messages/65-describe-transactions.ts";
import { ListTransactions } from "./messages/66-list-transactions.ts";

const ALL: readonly Served[] = [
  served(Produce, produce),
  served(Fetch, fetch),
  served(ListOffsets, listOffsets),
  served(Metadata, metadata),
  served(OffsetCommit, offsetCommit),
  served(OffsetFetch, offsetFetch),
  served(FindCoordinator, findCoordinator),
  served(JoinGroup, joinGroup),
  served(Heartbeat, heartbeat),
  served(LeaveGroup, leaveGroup),
  served(SyncGroup, syncGroup),
  served(DescribeGroups, describeGroups),
  served(ListGroups, listGroups),
  served(ApiVersions, apiVersions),
  served(CreateTopics, createTopics),
  served(DeleteTopics, deleteTopics),
  served(InitProducerId, initProducerId),
  served(OffsetForLeaderEpoch, offsetForLeaderEpoch),
  served(AddPartitionsToTxn, addPartitionsToTxn),
  served(AddOffsetsToTxn, addOffsetsToTxn),
  served(EndTxn, endTxn),
  served(TxnOffsetCommit, txnOffsetCommit),
  served(DescribeConfigs, describeConfigs),
  served(CreatePartitions, createPartitions),
  served(DeleteGroups, deleteGroups),
  served(IncrementalAlterConfigs, incrementalAlterConfigs),
  served(ListPartitionReassignments, listPartitionReassignments),
  served(DescribeCluster, describeCluster),
  served(DescribeProducers, describeProducers),
  served(DescribeTransactions, describeTransactions),
  served(ListTransactions, listTransactions),
];

export const HANDLERS: ReadonlyMap<number, Served> = new Map(ALL.map((one) => [one.api.key, one]));
