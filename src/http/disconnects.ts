import type { ServerResponse } from 'node:http';
import { LinkedList } from '../collections/linked-list.ts';

/** Aborts what waits on behalf of a client when the client disconnects or the gateway drains. */
export class Disconnects {
  readonly #waiting = new LinkedList<AbortController>();
  #drained = false;

  /** Fires when the answer's connection closes before the answer is complete, or on {@link drain}. */
  signalFor(response: ServerResponse): AbortSignal {
    if (this.#drained || response.closed) return AbortSignal.abort();
    const controller = new AbortController();
    const node = this.#waiting.add(controller);
    response.once('close', () => {
      this.#waiting.remove(node);
      if (!response.writableFinished) controller.abort();
    });
    return controller.signal;
  }

  get drained(): boolean {
    return this.#drained;
  }

  drain(): void {
    this.#drained = true;
    for (const controller of this.#waiting.items()) controller.abort();
  }
}
