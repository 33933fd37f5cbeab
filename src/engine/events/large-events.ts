import type { RunEvent } from '../../contract/domain/event.ts';
import { measureJson } from '../../json/measure-json.ts';

/** Smaller events are not worth a look-up. */
const small = { maxNodes: 4000, maxChars: 65_536 };

/**
 * The large events that readers hold now. Each reader that is behind reads the store by itself; of what equal readers
 * got, all keep the first one's copy, so that a large output is in memory once, and its frame too.
 */
export class LargeEvents {
  readonly #held = new Map<string, WeakRef<RunEvent>>();
  readonly #forget = new FinalizationRegistry<string>((name) => {
    if (this.#held.get(name)?.deref() === undefined) this.#held.delete(name);
  });

  /** The same events, of which large ones may be another reader's. */
  share(events: readonly RunEvent[]): readonly RunEvent[] {
    return events.some(isLarge) ? events.map((event) => (isLarge(event) ? this.#shareOne(event) : event)) : events;
  }

  /** A recorded event does not change, but that a partial output may lose its value. */
  #shareOne(event: RunEvent): RunEvent {
    const name = `${event.runId} ${event.seq} ${event.change.kind}`;
    const known = this.#held.get(name)?.deref();
    if (known !== undefined) return known;
    this.#held.set(name, new WeakRef(event));
    this.#forget.register(event, name);
    return event;
  }
}

function isLarge({ change }: RunEvent): boolean {
  switch (change.kind) {
    case 'partial':
    case 'result':
      return measureJson(change.value, small) === null;
    case 'interrupt':
      return measureJson(change.payload, small) === null;
    case 'phase':
      return (
        change.answer !== undefined && measureJson([change.answer.payload, change.answer.extra ?? null], small) === null
      );
    default:
      return false;
  }
}
