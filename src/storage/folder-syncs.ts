/**
 * Syncs of folders that are shared: one runs for a path at a time, and all who ask while it runs share the next one. Where ten
 * thousand folders are made, the one above them is not synced for each.
 */
export class FolderSyncs {
  readonly #sync: (path: string) => Promise<void>;
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  constructor(sync: (path: string) => Promise<void>) {
    this.#sync = sync;
  }

  /** Covers all names that were there before the call. */
  run(path: string): Promise<void> {
    const running = this.#running.get(path);
    if (running === undefined) return this.#start(path);
    const known = this.#next.get(path);
    if (known !== undefined) return known;
    const next = running
      .catch(() => {})
      .then(() => {
        this.#next.delete(path);
        return this.#start(path);
      });
    this.#next.set(path, next);
    return next;
  }

  #start(path: string): Promise<void> {
    const sync = this.#sync(path).finally(() => this.#running.delete(path));
    this.#running.set(path, sync);
    return sync;
  }
}
