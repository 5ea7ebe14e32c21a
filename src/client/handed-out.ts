/** How what a consumer has handed out is committed for its group: all of it, one batch, or within a transaction. */
import type { MemberOfGroup } from "../engine/groups/requests.ts";
import { VarveError } from "../errors.ts";
import type { Mark } from "./consumer-loop.ts";
import type { Fetcher } from "./fetcher.ts";
import type { GroupCommits } from "./group-commits.ts";
import type { OffsetsInHand } from "./transaction.ts";

/** Everything handed out at the call: what is processed, and the record in hand. */
export async function commitHandedOut(commits: GroupCommits, fetchers: Iterable<Fetcher>): Promise<void> {
  const handed = new Map(Array.from(fetchers, (fetcher) => [fetcher, markOf(fetcher)]));
  await commits.commit((fetcher) => handed.get(fetcher)?.position);
  for (const [fetcher, mark] of handed) processUpTo(fetcher, mark);
}

export async function commitBatch(commits: GroupCommits, fetcher: Fetcher, mark: Mark): Promise<void> {
  if (fetcher.seeks !== mark.seeks) {
    throw new VarveError("VARVE_INVALID_ARGUMENT", "the batch is from before a seek: it can no longer be committed", {
      topic: fetcher.topic.name,
      partition: fetcher.partition.index,
    });
  }
  // A later batch is committed already: this one is included, and nothing may go backwards.
  if (mark.position <= fetcher.committed && fetcher.committed <= fetcher.processed) return;
  await commits.commit((candidate) => (candidate === fetcher ? mark.position : undefined));
  processUpTo(fetcher, mark);
}

/** The same as `commitHandedOut`, for a transaction to do it. */
export function offsetsInHand(
  commits: GroupCommits,
  fetchers: Iterable<Fetcher>,
  member: MemberOfGroup,
): OffsetsInHand {
  const handed = Array.from(fetchers, (fetcher) => ({ fetcher, mark: markOf(fetcher) }));
  return {
    member,
    entries: commits.entriesFor(handed.map(({ fetcher }) => fetcher)),
    committed() {
      for (const { fetcher, mark } of handed) {
        fetcher.committed = mark.position;
        processUpTo(fetcher, mark);
      }
    },
  };
}

function markOf({ position, seeks }: Fetcher): Mark {
  return { position, seeks };
}

function processUpTo(fetcher: Fetcher, { position, seeks }: Mark): void {
  if (fetcher.seeks === seeks) fetcher.processed = Math.max(fetcher.processed, position);
}
