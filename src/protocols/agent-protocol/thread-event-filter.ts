import type { SentEvent } from '../../contract/api/protocol.ts';
import type { UseCases } from '../../contract/api/use-cases.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { ThreadKey } from '../../contract/domain/thread.ts';
import { tellEvent, threadSeqAt } from './streaming-events.ts';
import type { EventFilter } from './streaming-requests.ts';

/** The protocol's events of one thread, for one reader. */
export interface ToldFeed {
  next(): Promise<readonly (SentEvent & { readonly data: JsonObject })[] | null>;
  close(): void;
}

/** The events that a filter lets through, after the last one that the reader has seen; null: see `watchThread`. */
export async function openThreadFeed(
  use: UseCases,
  key: ThreadKey,
  filter: EventFilter,
  lastSeen: number | null,
): Promise<ToldFeed> {
  const feed = await use.watchThread(key, { afterSeq: lastSeen === null ? null : threadSeqAt(lastSeen) });
  return {
    next: async () => {
      const events = await feed.next();
      if (events === null) return null;
      return events
        .flatMap((event) => tellEvent(event, filter))
        .filter(({ seq }) => lastSeen === null || seq > lastSeen)
        .map(({ seq, method, data }) => ({ id: `${seq}`, event: method, data }));
    },
    close: () => feed.close(),
  };
}
