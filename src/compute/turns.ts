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
