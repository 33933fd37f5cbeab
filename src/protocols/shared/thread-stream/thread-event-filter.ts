import type { Api } from '../../../contract/api/api.ts';
import type { EventBatches, SentEvent, ThreadEvent } from '../../../contract/domain/event.ts';
import type { JsonObject } from '../../../contract/domain/json.ts';
import type { ThreadKey } from '../../../contract/domain/thread.ts';
import { encodeThreadEvent, threadSeqAt } from './streaming-events.ts';
import type { EventFilter } from './streaming-requests.ts';

/** An event of the protocol, as both transports send it. */
type StreamedEvent = SentEvent & { readonly data: JsonObject };

/** The thread's events in the protocol's words, without those that the filter excludes or the reader has seen. */
export class FilteredEvents implements EventBatches<StreamedEvent> {
  readonly #events: EventBatches<ThreadEvent>;
  readonly #filter: EventFilter;
  readonly #lastSeen: number;

  constructor(events: EventBatches<ThreadEvent>, filter: EventFilter, lastSeen: number) {
    this.#events = events;
    this.#filter = filter;
    this.#lastSeen = lastSeen;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<readonly StreamedEvent[], undefined>> {
    const batch = await this.#events.next();
    if (batch.done === true) return batch;
    const value = batch.value
      .flatMap((event) => encodeThreadEvent(event, this.#filter))
      .filter(({ seq }) => seq > this.#lastSeen)
      .map(({ seq, method, data }) => ({ id: `${seq}`, event: method, data }));
    return { done: false, value };
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    return this.#events.return();
  }
}

/** Watches a thread for a reader that has seen events up to `lastSeen`; null: see `Threads.watch`. */
export async function watchThread(
  api: Api,
  key: ThreadKey,
  filter: EventFilter,
  lastSeen: number | null,
): Promise<FilteredEvents> {
  const afterSeq = lastSeen === null ? null : threadSeqAt(lastSeen);
  return new FilteredEvents(await api.threads.watch(key, { afterSeq }), filter, lastSeen ?? -1);
}
