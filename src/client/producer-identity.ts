/**
 * Who a producer is to the partitions that it writes to: an id and an epoch, in every batch, beside the batch's place in the
 * sequence of that partition. By them a batch that comes twice is recognised, and one that is missing is missed.
 *
 * An id costs a producer nothing but its first send, and that only when the log has none at hand (producer-ids.ts). A call that
 * cannot wait while others are at the catalogue goes without: what is appended at once is never sent twice.
 */
import type { Partition } from "../engine/partition.ts";
import type { ProducerIds } from "../engine/producer-ids.ts";

const NO_PRODUCER_ID = -1;
const NO_EPOCH = -1;
const LAST_EPOCH = 0x7fff;

/** As batches carry it. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isTransactional: boolean;
  /** Whether a batch for that partition can be sealed now. */
  isReady(partition: Partition): boolean;
  /** Resolves when it can. */
  ready(partition: Partition): Promise<void>;
  /** For a call that cannot wait. */
  readyNow(partition: Partition): void;
  /** The partitions know another story than this producer: it goes on as a new one. */
  renew(): void;
}

/** Nobody in particular. */
export const ANONYMOUS: ProducerIdentity = {
  producerId: NO_PRODUCER_ID,
  producerEpoch: NO_EPOCH,
  isTransactional: false,
  isReady: () => true,
  ready: async () => {},
  readyNow() {},
  renew() {},
};

export class IdempotentIdentity implements ProducerIdentity {
  producerId = NO_PRODUCER_ID;
  producerEpoch = NO_EPOCH;
  readonly isTransactional = false;
  readonly #ids: ProducerIds;
  #asking: Promise<void> | undefined;

  constructor(ids: ProducerIds) {
    this.#ids = ids;
  }

  isReady(): boolean {
    if (this.producerId === NO_PRODUCER_ID && this.#asking === undefined) this.#become(this.#ids.nextAtHand());
    return this.producerId !== NO_PRODUCER_ID;
  }

  ready(): Promise<void> {
    if (this.isReady()) return Promise.resolve();
    this.#asking ??= this.#ids
      .next()
      .then((id) => this.#become(id))
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  readyNow(): void {
    if (!this.isReady() && this.#asking === undefined) this.#become(this.#ids.nextNow());
  }

  /** The next epoch: its sequences begin anew everywhere. When epochs are used up, another id. */
  renew(): void {
    if (this.producerEpoch < LAST_EPOCH) this.producerEpoch++;
    else this.producerId = NO_PRODUCER_ID;
  }

  #become(id: number | undefined): void {
    if (id === undefined) return;
    this.producerId = id;
    this.producerEpoch = 0;
  }
}
