/** True the first time that it is given a key. */
export type Once = (key: string) => boolean;

/**
 * A gate for what is to be logged once per key. It remembers the last `limit` keys, so that keys made of outside
 * data cannot fill the memory; a key that was pushed out passes once more.
 */
export function createOnce(limit: number): Once {
  const seen = new Set<string>();
  return (key) => {
    if (seen.has(key)) return false;
    seen.add(key);
    if (seen.size > limit) {
      const [oldest] = seen;
      if (oldest !== undefined) seen.delete(oldest);
    }
    return true;
  };
}
