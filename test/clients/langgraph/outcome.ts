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

/** The names, their order however often one follows itself, and the first and last data of each name. */
function compareEvents(there: readonly SentEvent[], here: readonly SentEvent[]): readonly string[] {
  const [wanted, seen] = [namesOf(there), namesOf(here)];
  const common = wanted.filter((name) => seen.includes(name));
  const alone = [
    ...wanted.filter((name) => !seen.includes(name)).map((name) => `event ${name}: only there`),
    ...seen.filter((name) => !wanted.includes(name)).map((name) => `event ${name}: only here`),
  ];
  const [orderThere, orderHere] = [orderOf(there, common), orderOf(here, common)];
  const order = orderThere === orderHere ? [] : [`order of events: ${orderThere} there, ${orderHere} here`];
  const data = common.flatMap((name) => {
    const [left, right] = [there, here].map((events) => events.filter(({ event }) => event === name));
    return [0, -1].flatMap((at) => {
      const [one, other] = [left?.at(at), right?.at(at)];
      return one === undefined || other === undefined ? [] : compareAnswers(one.data, other.data, `data of ${name} `);
    });
  });
  return [...alone, ...order, ...new Set(data)];
}

function namesOf(events: readonly SentEvent[]): readonly string[] {
  return [...new Set(events.map(({ event }) => event))];
}

function orderOf(events: readonly SentEvent[], names: readonly string[]): string {
  const named = events.map(({ event }) => event).filter((name) => names.includes(name));
  return named.filter((name, at) => name !== named[at - 1]).join(', ');
}
