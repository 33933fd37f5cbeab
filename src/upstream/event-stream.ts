import { createParser } from 'eventsource-parser';
import { parseJsonSliced } from '../compute/sliced-json.ts';
import type { AnswerEvent, AnswerEvents } from '../contract/adapter/http.ts';
import type { JsonRules, ParsedJson } from '../json/parse-json.ts';
import type { AnswerHeaders } from './retry-after.ts';

/** Whether an answer is a stream of events by its media type. */
export function isEventStream(headers: AnswerHeaders): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && /^text\/event-stream\s*(;|$)/i.test(type);
}

/** An event whose `data` is the text that was sent. */
type RawEvent = { readonly event: string; readonly data: string };

/** A value that nests too deeply makes the whole answer unreadable, like one that is a single JSON value. */
type ReadEvents = { readonly kind: 'events'; readonly events: readonly AnswerEvent[] } | { readonly kind: 'too-deep' };

/** Reads the events of a stream that has arrived: to the first one that is enough, or all of them. */
export async function readEvents(text: string, { isEnough }: AnswerEvents, rules: JsonRules): Promise<ReadEvents> {
  const events: AnswerEvent[] = [];
  for (const raw of splitEvents(text)) {
    const parsed = parseJsonSliced(raw.data, rules);
    const json = parsed instanceof Promise ? await parsed : parsed;
    if (json.kind === 'too-deep') return json;
    const event = eventOf(raw, json);
    events.push(event);
    if (isEnough?.(event) === true) break;
  }
  return { kind: 'events', events };
}

/** Follows a stream as it arrives, and says once that what has arrived is enough. */
export class EventWatch {
  readonly #decoder = new TextDecoder();
  readonly #parser;

  constructor(isEnough: (event: AnswerEvent) => boolean, rules: JsonRules, onEnough: () => void) {
    this.#parser = createParser({
      onEvent: (message) => {
        const raw = { event: message.event ?? usualName, data: message.data };
        const look = (json: ParsedJson): void => {
          if (isEnough(eventOf(raw, json))) onEnough();
        };
        const parsed = parseJsonSliced(raw.data, rules);
        if (parsed instanceof Promise) void parsed.then(look);
        else look(parsed);
      },
    });
  }

  push(chunk: Uint8Array): void {
    this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
  }
}

/** The name of an event that has none, as browsers have it. */
const usualName = 'message';

function eventOf({ event, data }: RawEvent, json: ParsedJson): AnswerEvent {
  return { event, data: json.kind === 'json' ? json.value : data };
}

function splitEvents(text: string): readonly RawEvent[] {
  const events: RawEvent[] = [];
  const parser = createParser({ onEvent: ({ event, data }) => events.push({ event: event ?? usualName, data }) });
  parser.feed(text);
  // Some servers end a stream without the empty line that closes its last event.
  parser.feed('\n\n');
  return events;
}
