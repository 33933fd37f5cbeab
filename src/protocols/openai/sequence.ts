/**
 * Where an event of a response stands: `sequence_number` is made of the number of the run's event, of the characters of the
 * reply that readers have by then, and of what kind of event it is. So it is the same for all readers, whenever they come, and a
 * reader that comes back tells by it what it has, though partial outputs are kept only until the next one.
 */
export type Position = { readonly seq: number; readonly textLength: number; readonly kind: number };

/**
 * Kinds of events in their order within one event of the run. Those of an output item are followed by their counterparts of
 * the second item, which there is where a text was replaced: {@link secondItem} more.
 */
export const kinds = {
  created: 0,
  queued: 1,
  inProgress: 2,
  /** What becomes of a draft that was replaced, or that the run did not finish. */
  draftTextDone: 10,
  draftPartDone: 11,
  draftItemDone: 12,
  itemAdded: 20,
  partAdded: 21,
  textDelta: 22,
  textDone: 30,
  partDone: 31,
  itemDone: 32,
  callAdded: 40,
  argumentsDelta: 41,
  argumentsDone: 42,
  callDone: 43,
  over: 90,
} as const;

export const secondItem = 5;

const numbersPerLength = 100;
const maxTextLength = 9_999_999;
const numbersPerEvent = numbersPerLength * (maxTextLength + 1);
/** Event numbers above are no event's: a product with a greater one could not be exact. */
const maxSeq = Math.floor(Number.MAX_SAFE_INTEGER / numbersPerEvent) - 1;

export function sequenceNumberOf({ seq, textLength, kind }: Position): number {
  return seq * numbersPerEvent + Math.min(textLength, maxTextLength) * numbersPerLength + kind;
}

/** Null: no event has the number. */
export function readSequenceNumber(number: number): Position | null {
  const seq = Math.floor(number / numbersPerEvent);
  if (!Number.isSafeInteger(number) || seq < 1 || seq > maxSeq) return null;
  const rest = number % numbersPerEvent;
  return { seq, textLength: Math.floor(rest / numbersPerLength), kind: rest % numbersPerLength };
}
