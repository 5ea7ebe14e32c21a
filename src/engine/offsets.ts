/** Committed offsets. */
export interface OffsetCommit {
  topic: string;
  partition: number;
  /** Of the record to go on at. */
  offset: number;
  leaderEpoch?: number;
  metadata?: string;
}

export interface CommittedOffset {
  offset: number;
  /** -1: unknown. */
  leaderEpoch: number;
  metadata: string;
  commitTimestamp: number;
}

export class OffsetStore {
  /** Loads what was committed; `committed` and `groups` want this to have happened once. */
  ready(): Promise<void> {
    throw new Error("to come");
  }

  commit(_group: string, _entries: readonly OffsetCommit[]): Promise<void> {
    throw new Error("to come");
  }

  committed(_group: string, _topic: string, _partition: number): CommittedOffset | undefined {
    throw new Error("to come");
  }

  /** Everything that the group has committed, by topic and partition. */
  allCommitted(_group: string): { topic: string; partition: number; committed: CommittedOffset }[] {
    throw new Error("to come");
  }

  groups(): string[] {
    throw new Error("to come");
  }

  /** Forgets the offsets of a group, or only some of them. */
  delete(_group: string, _which?: readonly { topic: string; partition: number }[]): Promise<void> {
    throw new Error("to come");
  }

  deleteTopic(_topic: string): Promise<void> {
    throw new Error("to come");
  }
}
