import type { EventBatches, RunEvent, SentEvent } from '../../contract/domain/event.ts';

export type Expansion<Event = RunEvent> = {
  /** Sent before the first event of the run, at once. */
  readonly before?: readonly SentEvent[] | undefined;
  /** What the reader gets for an event of the run; it is called once for each event, in order. */
  readonly expand: (event: Event) => readonly SentEvent[] | Promise<readonly SentEvent[]>;
  /** What the reader gets after each batch, also after an empty one. */
  readonly expandBatch?: (() => Promise<readonly SentEvent[]>) | undefined;
  /** The stream ends after what such an event becomes although the run may go on; left out, it ends with the run. */
  readonly endsAfter?: ((event: Event) => boolean) | undefined;
};

/** The events of a run for one reader, in the words of a protocol in which one event of ours becomes several, or none. */
export function expandEvents<Event>(events: EventBatches<Event>, expansion: Expansion<Event>): EventBatches<SentEvent> {
  return new ExpandedEvents(events, expansion);
}

class ExpandedEvents<Event> implements EventBatches<SentEvent> {
  readonly #events: EventBatches<Event>;
  readonly #expansion: Expansion<Event>;
  #before: readonly SentEvent[];
  #isOver = false;

  constructor(events: EventBatches<Event>, expansion: Expansion<Event>) {
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
    const { expand, expandBatch, endsAfter } = this.#expansion;
    const value: SentEvent[] = [];
    for (const event of batch.value) {
      value.push(...(await expand(event)));
      this.#isOver = endsAfter?.(event) === true;
      if (!this.#isOver) continue;
      void this.#events.return();
      break;
    }
    if (expandBatch !== undefined) value.push(...(await expandBatch()));
    return { done: false, value };
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    return this.#events.return();
  }
}
