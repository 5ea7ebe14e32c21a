/** The group coordinator: Kafka's classic protocol, for clients of the wire and consumers of this process alike. */
import type { Clock } from "../../storage/clock.ts";
import type {
  CommitOffsetsRequest,
  CommitOffsetsResult,
  DeletedGroup,
  DescribedGroup,
  FetchOffsetsRequest,
  FetchOffsetsResult,
  HeartbeatRequest,
  HeartbeatResult,
  JoinGroupRequest,
  JoinGroupResult,
  LeaveGroupRequest,
  LeaveGroupResult,
  ListedGroup,
  ListGroupsFilter,
  SyncGroupRequest,
  SyncGroupResult,
} from "./requests.ts";

export interface GroupCoordinatorOptions {
  clock: Clock;
}

/** `engine.coordinator`. */
export class GroupCoordinator {
  constructor(_options: GroupCoordinatorOptions) {}

  /** Resolves when the group has formed: when every member has joined, or the rebalance timeout has passed. */
  joinGroup(_request: JoinGroupRequest): Promise<JoinGroupResult> {
    throw new Error("to come");
  }

  /** Resolves when the leader has brought the assignments. */
  syncGroup(_request: SyncGroupRequest): Promise<SyncGroupResult> {
    throw new Error("to come");
  }

  heartbeat(_request: HeartbeatRequest): Promise<HeartbeatResult> {
    throw new Error("to come");
  }

  leaveGroup(_request: LeaveGroupRequest): Promise<LeaveGroupResult> {
    throw new Error("to come");
  }

  /** Resolves when the offsets have their durability. */
  commitOffsets(_request: CommitOffsetsRequest): Promise<CommitOffsetsResult> {
    throw new Error("to come");
  }

  fetchOffsets(_request: FetchOffsetsRequest): Promise<FetchOffsetsResult> {
    throw new Error("to come");
  }

  describeGroups(_groupIds: readonly string[]): Promise<DescribedGroup[]> {
    throw new Error("to come");
  }

  listGroups(_filter?: ListGroupsFilter): Promise<ListedGroup[]> {
    throw new Error("to come");
  }

  deleteGroups(_groupIds: readonly string[]): Promise<DeletedGroup[]> {
    throw new Error("to come");
  }
}
