import type { RunEvent } from '../../contract/domain/event.ts';
import { measureJson } from '../../json/measure-json.ts';

/** Enough for the readers of one run that join while it works; what grows beyond it is read from the store. */
const maxEvents = 32;
const maxChars = 8192;
const maxNodes = 512;

/**
 * The newest events of a run that is watched in this process, without a gap, so that a reader that joins others costs no
 * read of the store, and shares their events and frames. Knows nothing until a reader has read the store.
 */
export class RecentEvents {
  #events: readonly RunEvent[] = [];
  #chars = 0;
  /** The number before the first one; null while nothing is known. */
  #afterSeq: number | null = null;

  /** Takes what a reader got from the store: every event after `afterSeq`, none of which was published since. */
  learn(afterSeq: number, events: readonly RunEvent[]): void {
    if (this.#afterSeq !== null && this.#afterSeq <= afterSeq) return;
    this.#forget();
    this.#afterSeq = afterSeq;
    this.#append(events);
  }

  /** Takes what was published. Forgets all where an event is missing; a removed run is published without any. */
  add(events: readonly RunEvent[]): void {
    if (this.#afterSeq === null) return;
    const expected = this.#lastSeq + 1;
    const [first] = events;
    if (first === undefined || first.seq > expected) this.#forget();
    else this.#append(events.filter(({ seq }) => seq >= expected));
  }

  /** The events after a number. Null: only the store knows, or whether there will be more. */
  after(seq: number): readonly RunEvent[] | null {
    if (this.#afterSeq === null || seq < this.#afterSeq || seq > this.#lastSeq) return null;
    const missed = this.#events.slice(seq - this.#afterSeq);
    return missed.length === 0 && isTerminal(this.#events.at(-1)) ? null : missed;
  }

  get #lastSeq(): number {
    return (this.#afterSeq ?? 0) + this.#events.length;
  }

  #append(events: readonly RunEvent[]): void {
    let held = this.#events;
    for (const event of events) {
      const chars = measure(event);
      if (chars === null || this.#chars + chars > maxChars || held.length >= maxEvents) {
        this.#forget();
        return;
      }
      this.#chars += chars;
      // The store keeps no partial output but the last one either.
      held = event.change.kind === 'partial' ? [...held.map(replacePartial), event] : [...held, event];
    }
    this.#events = held;
  }

  #forget(): void {
    this.#events = [];
    this.#chars = 0;
    this.#afterSeq = null;
  }
}

function replacePartial(event: RunEvent): RunEvent {
  return event.change.kind === 'partial' ? { ...event, change: { kind: 'replaced' } } : event;
}

function isTerminal(event: RunEvent | undefined): boolean {
  return event?.change.kind === 'result' || event?.change.kind === 'error';
}

/** Characters of an event's payload; null where it is large. */
function measure({ change }: RunEvent): number | null {
  switch (change.kind) {
    case 'partial':
    case 'result':
      return measureJson(change.value, { maxNodes, maxChars })?.chars ?? null;
    case 'interrupt':
      return measureJson(change.payload, { maxNodes, maxChars })?.chars ?? null;
    case 'error':
      return change.description.length;
    case 'phase':
      return change.answer === undefined
        ? 0
        : (measureJson([change.answer.payload, change.answer.extra ?? null], { maxNodes, maxChars })?.chars ?? null);
    default:
      return 0;
  }
}
