import type { EventEncoder } from '../contract/dialect.ts';
import type { RunEvent } from '../contract/event.ts';

/** A comment with ONE newline: some clients turn every blank line into an event (design, section 11). */
export const heartbeat = Buffer.from(':\n');

/** Tells the client how long to wait before it attaches again. */
export function encodeRetry(retryMs: number): string {
  return `retry: ${retryMs}\n\n`;
}

/**
 * Bytes of events, made once for each encoder however many readers an event has. Null: the dialect has no word for
 * the event.
 */
export class Frames {
  readonly #byEncoder = new WeakMap<EventEncoder, WeakMap<RunEvent, Buffer | null>>();

  of(event: RunEvent, encode: EventEncoder): Buffer | null {
    let known = this.#byEncoder.get(encode);
    if (known === undefined) {
      known = new WeakMap();
      this.#byEncoder.set(encode, known);
    }
    let frame = known.get(event);
    if (frame === undefined) {
      frame = encodeFrame(event, encode);
      known.set(event, frame);
    }
    return frame;
  }
}

function encodeFrame(event: RunEvent, encode: EventEncoder): Buffer | null {
  const data = encode(event);
  if (data === null) return null;
  return Buffer.from(`id: ${event.seq}\nevent: agent_event\ndata: ${JSON.stringify(data)}\n\n`);
}
