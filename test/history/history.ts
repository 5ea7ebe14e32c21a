/**
 * What clients of a log did and were told, in the order in which it happened, as a checker reads it. Something that may have an
 * effect is noted before it is tried; what a client was told, after. Where a process was killed, what it had tried may have
 * happened or not.
 */
export interface Where {
  topic: string;
  partition: number;
}

export type Event =
  /** A record is sent; its id is its own. `isOnce`: the producer is idempotent. */
  | { type: "sending"; producer: string; id: string; topic: string; partition: number; isOnce: boolean; tx?: string }
  | { type: "acked"; id: string; offset: number }
  /** It was refused: it may not be there. */
  | { type: "refused"; id: string }
  | { type: "ending"; tx: string; outcome: "commit" | "abort" }
  | { type: "ended"; tx: string; outcome: "commit" | "abort" }
  /** A consumer begins to read a partition there; it was assigned, or has sought. */
  | ({ type: "begun"; consumer: string; group?: string; offset: number } & Where)
  | ({ type: "polled"; consumer: string; offset: number; id: string } & Where)
  | ({ type: "committing" | "committed"; group: string; offset: number } & Where)
  /** All clients are gone, and this is what the log holds for readers of committed records. */
  | ({ type: "final"; end: number; records: { offset: number; id: string }[] } & Where);

export type Sending = Extract<Event, { type: "sending" }>;

/** What is wrong, in words; `kind` is one of few. */
export interface Anomaly {
  kind:
    | "lost write"
    | "duplicate"
    | "out of order"
    | "phantom"
    | "misplaced"
    | "aborted read"
    | "pre-committed read"
    | "torn transaction"
    | "backward poll"
    | "skipped poll"
    | "unseen"
    | "commit ahead";
  message: string;
}
