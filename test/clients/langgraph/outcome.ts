import type { Json } from '../../../src/contract/domain/json.ts';
import { isJsonObject } from '../../../src/json/json-object.ts';
import { compareAnswers } from './shape.ts';

/** What one call of a client came to, as its script writes it. */
export type Outcome =
  | { readonly call: string; readonly ok: true; readonly value: Json }
  | {
      readonly call: string;
      readonly ok: false;
      /** Class of what the client raises. */
      readonly error: string;
      readonly status: number | null;
      readonly text: string;
    };

/** Reads what a script wrote, one line of JSON a call. */
export function readOutcomes(text: string): readonly Outcome[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Outcome);
}

/** Where a call came to something else than at the reference; empty where a user of the client sees no difference. */
export function compareOutcomes(there: Outcome, here: Outcome): readonly string[] {
  if (there.ok !== here.ok) return [`outcome: ${summarize(there)} there, ${summarize(here)} here`];
  if (!there.ok || !here.ok) {
    const [wanted, seen] = [summarize(there), summarize(here)];
    return wanted === seen ? [] : [`outcome: ${wanted} there, ${seen} here`];
  }
  const [wanted, seen] = [eventsOf(there.value), eventsOf(here.value)];
  return wanted === null || seen === null ? compareAnswers(there.value, here.value) : compareEvents(wanted, seen);
}

/** In a word or two: `ok`, `409`, or the class of an error that has no status. */
export function summarize(outcome: Outcome): string {
  return outcome.ok ? 'ok' : String(outcome.status ?? outcome.error);
}

type SentEvent = { readonly event: string; readonly data: Json };

function eventsOf(value: Json): readonly SentEvent[] | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const events = value.filter(isJsonObject).map(({ event, data }) => ({ event, data: data ?? null }));
  return events.length === value.length && events.every((each): each is SentEvent => typeof each.event === 'string')
    ? events
    : null;
}

/** The order of the names, however often one follows itself, and the first and last data of each name. */
function compareEvents(there: readonly SentEvent[], here: readonly SentEvent[]): readonly string[] {
  const [wanted, seen] = [there, here].map((events) =>
    events.map(({ event }) => event).filter((name, at, names) => name !== names[at - 1]),
  );
  const order = wanted?.join() === seen?.join() ? [] : [`events: ${wanted?.join()} there, ${seen?.join()} here`];
  const names = [...new Set(there.map(({ event }) => event))];
  const data = names.flatMap((name) => {
    const [left, right] = [there, here].map((events) => events.filter(({ event }) => event === name));
    return [0, -1].flatMap((at) => {
      const [one, other] = [left?.at(at), right?.at(at)];
      return one === undefined || other === undefined ? [] : compareAnswers(one.data, other.data, `${name}:`);
    });
  });
  return [...order, ...new Set(data)];
}
