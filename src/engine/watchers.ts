/** Who wants to be told, at once and often, that something may have changed. */
export class Watchers {
  #all: readonly (() => void)[] = [];

  /** Returns the call that ends it. Who comes or goes while others are told does not disturb that. */
  add(fn: () => void): () => void {
    this.#all = [...this.#all, fn];
    return () => {
      this.#all = this.#all.filter((watcher) => watcher !== fn);
    };
  }

  wake(): void {
    for (const watcher of this.#all) watcher();
  }
}
