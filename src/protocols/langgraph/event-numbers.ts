import type { SentEvent } from '../../contract/domain/event.ts';

/**
 * One event of a run becomes several of a stream. Their numbers begin at a multiple of this, and each has its own place, so
 * that it has the same number for every reader whatever its modes, and a reader that comes back gets the rest once.
 */
const numbersPerEvent = 65_536;

/** The places of events among those of one event of a run. */
export const places = {
  updates: 0,
  values: 1,
  custom: 2,
  lost: 8,
  maxLost: 8,
  messages: 16,
  /** Four events a message. */
  perMessage: 4,
  maxMessages: 16_000,
  result: numbersPerEvent - 5,
  error: numbersPerEvent - 4,
  end: numbersPerEvent - 3,
  /** Before the first event that a stream begins with, so they are numbers of the event before that. */
  metadata: numbersPerEvent - 2,
  input: numbersPerEvent - 1,
} as const;

export function numberOf(seq: number, place: number): number {
  return seq * numbersPerEvent + place;
}

/** The event of the run that a number belongs to. */
export function seqOf(number: number): number {
  return Math.floor(number / numbersPerEvent);
}

/** Whether a reader whose last number this is has begun with what follows it, so that it lacks only the input. */
export function lacksInput(number: number): boolean {
  return number % numbersPerEvent === places.metadata;
}

/** Events with their numbers, as far as a reader with this last number lacks them. */
export function sendAfter(
  lastSeen: number,
  events: readonly (Omit<SentEvent, 'id'> & { readonly at: number })[],
): readonly SentEvent[] {
  return events.filter(({ at }) => at > lastSeen).map(({ at, ...event }) => ({ id: `${at}`, ...event }));
}
