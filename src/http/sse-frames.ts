import type { EventEncoder, SentEvent } from '../contract/api/protocol.ts';
import type { RunEvent } from '../contract/domain/event.ts';
import type { Json } from '../contract/domain/json.ts';

type EventName = (event: RunEvent) => string;

/** ACP gives every event this name; its kind is in the data. */
const agentEvent: EventName = () => 'agent_event';

/** A comment with ONE newline: some clients turn every blank line into an event. */
export const heartbeat = Buffer.from(':\n');

/** Asks the client to wait this long before it reconnects. */
export function encodeRetry(retryMs: number): string {
  return `retry: ${retryMs}\n`;
}

/** Frames of events, made once for each encoder however many readers an event has; null where there is no frame. */
export class Frames {
  readonly #byEncoder = new WeakMap<EventEncoder, WeakMap<RunEvent, Buffer | null>>();

  of(event: RunEvent, encode: EventEncoder, eventName: EventName = agentEvent): Buffer | null {
    let known = this.#byEncoder.get(encode);
    if (known === undefined) {
      known = new WeakMap();
      this.#byEncoder.set(encode, known);
    }
    let frame = known.get(event);
    if (frame === undefined) {
      frame = encodeFrame(event, encode, eventName);
      known.set(event, frame);
    }
    return frame;
  }
}

function encodeFrame(event: RunEvent, encode: EventEncoder, eventName: EventName): Buffer | null {
  const data = encode(event);
  if (data === null) return null;
  return encodeSent({ id: `${event.seq}`, event: eventName(event), data });
}

/** The bytes of a server-sent event. */
export function encodeSent({ id, event, data }: SentEvent): Buffer {
  return Buffer.from(`id: ${id}\nevent: ${event}\ndata: ${encodeLine(data)}\n\n`);
}

/** Characters that some readers of lines take for the end of one. */
const lineEnds = /[\u0085\u2028\u2029]/g;

/** JSON of one line, for every idea of a line. */
function encodeLine(data: Json): string {
  return JSON.stringify(data).replaceAll(lineEnds, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
