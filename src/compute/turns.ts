/** How long the event loop may be held before it turns. */
const turnMs = 3;

/** Work that waits for its turn, in the order of its coming. */
let waiting: (() => void)[] = [];
let isScheduled = false;

/**
 * Resolves in a later turn of the event loop. Of all work that waits here one piece goes on in each turn, so that many
 * long tasks together hold the loop no longer than one of them does.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    schedule();
  });
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(goOn);
}

function goOn(): void {
  isScheduled = false;
  const [first, ...others] = waiting;
  waiting = others;
  if (waiting.length > 0) schedule();
  first?.();
}

/** Large values that wait to be read, by name. */
const notBegun = new Map<string, Promise<unknown>>();
/** The last large value that is being read. */
let largeRead: Promise<unknown> = Promise.resolve();

/**
 * Reads a large value once no other is being read, so that many who ask for one at the same time have one in memory, and
 * not each their own. `read` must not read another one so.
 *
 * @param name those who ask for the same before its reading begins share it; null: it is not shared.
 */
export function readLarge<T>(name: string | null, read: () => Promise<T>): Promise<T> {
  const same = name === null ? undefined : notBegun.get(name);
  if (same !== undefined) return same as Promise<T>;
  const done = largeRead.then(() => {
    if (name !== null) notBegun.delete(name);
    return read();
  });
  if (name !== null) notBegun.set(name, done);
  largeRead = done.then(
    () => {},
    () => {},
  );
  return done;
}

/** Lets the event loop turn where one task has held it for long enough. */
export class Pacer {
  #sinceMs = performance.now();

  /** Undefined: there is time left, and nothing to wait for. */
  pause(): Promise<void> | undefined {
    return performance.now() - this.#sinceMs < turnMs ? undefined : this.#turn();
  }

  /** The task waited for something else in the meantime, so the loop has turned. */
  restart(): void {
    this.#sinceMs = performance.now();
  }

  async #turn(): Promise<void> {
    await nextTurn();
    this.#sinceMs = performance.now();
  }
}
