/**
 * Does something for each item, a few at once: more would only queue up behind the threads that Node has for files. After a
 * failure no more are begun.
 */
export async function forEachAtOnce<T>(
  limit: number,
  items: Iterable<T>,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const waiting = [...items].reverse();
  const next = async () => {
    try {
      while (waiting.length > 0) await work(waiting.pop() as T);
    } catch (error) {
      waiting.length = 0;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: limit }, next));
}
