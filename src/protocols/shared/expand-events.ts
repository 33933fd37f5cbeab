import type { EventBatches, RunEvent, SentEvent } from '../../contract/domain/event.ts';

export type Expansion = {
  /** Sent before the first event of the run, at once. */
  readonly before?: readonly SentEvent[] | undefined;
  /** What the reader gets for an event of the run; it is called once for each event, in order. */
  readonly expand: (event: RunEvent) => readonly SentEvent[] | Promise<readonly SentEvent[]>;
  /** The stream ends after what such an event becomes although the run may go on; left out, it ends with the run. */
  readonly endsAfter?: ((event: RunEvent) => boolean) | undefined;
};

/** The events of a run for one reader, in the words of a protocol in which one event of ours becomes several, or none. */
export function expandEvents(events: EventBatches<RunEvent>, expansion: Expansion): EventBatches<SentEvent> {
  return new ExpandedEvents(events, expansion);
}

class ExpandedEvents implements EventBatches<SentEvent> {
  readonly #events: EventBatches<RunEvent>;
  readonly #expansion: Expansion;
  #before: readonly SentEvent[];
  #isOver = false;

  constructor(events: EventBatches<RunEvent>, expansion: Expansion) {
    this.#events = events;
    this.#expansion = expansion;
    this.#before = expansion.before ?? [];
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<readonly SentEvent[], undefined>> {
    if (this.#before.length > 0) {
      const value = this.#before;
      this.#before = [];
      return { done: false, value };
    }
    if (this.#isOver) return { done: true, value: undefined };
    const batch = await this.#events.next();
    if (batch.done === true) return batch;
    const { expand, endsAfter } = this.#expansion;
    const value: SentEvent[] = [];
    for (const event of batch.value) {
      value.push(...(await expand(event)));
      this.#isOver = endsAfter?.(event) === true;
      if (!this.#isOver) continue;
      void this.#events.return();
      break;
    }
    return { done: false, value };
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    return this.#events.return();
  }
}
