import type { EventEncoder, SentEvent } from '../contract/api/protocol.ts';
import type { RunEvent } from '../contract/domain/event.ts';

type EventName = (event: RunEvent) => string;

/** What ACP calls every event; what it is stands in its data. */
const agentEvent: EventName = () => 'agent_event';

/** A comment with ONE newline: some clients turn every blank line into an event (design, section 11). */
export const heartbeat = Buffer.from(':\n');

/** Tells the client how long to wait before it attaches again. */
export function encodeRetry(retryMs: number): string {
  return `retry: ${retryMs}\n`;
}

/**
 * Bytes of events, made once for each encoder however many readers an event has. Null: the protocol has no word for
 * the event.
 */
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

/** The bytes of an event as it is. */
export function encodeSent({ id, event, data }: SentEvent): Buffer {
  return Buffer.from(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
