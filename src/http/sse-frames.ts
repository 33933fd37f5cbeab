import { encodeSliced, stringifySmall } from '../compute/json-writer.ts';
import type { EventEncoder } from '../contract/api/protocol.ts';
import type { RunEvent, SentEvent } from '../contract/domain/event.ts';

type EventName = (event: RunEvent) => string;

/** ACP gives every event this name; its kind is in the data. */
const agentEvent: EventName = () => 'agent_event';

/** A comment with ONE newline: some clients turn every blank line into an event. */
export const heartbeat = Buffer.from(':\n');

/** Asks the client to wait this long before it reconnects. */
export function encodeRetry(retryMs: number): string {
  return `retry: ${retryMs}\n`;
}

/** Null where there is no frame, a promise where it is a large one. */
export type Frame = Buffer | null | Promise<Buffer>;

/** Frames of events, made once for each encoder however many readers an event has. */
export class Frames {
  /** Keeps a large event as long as its frame, so that further readers find both. */
  readonly #events = new WeakMap<Buffer, RunEvent>();
  readonly #byEncoder = new WeakMap<EventEncoder, WeakMap<RunEvent, Frame>>();

  of(event: RunEvent, encode: EventEncoder, eventName: EventName = agentEvent): Frame {
    let known = this.#byEncoder.get(encode);
    if (known === undefined) {
      known = new WeakMap();
      this.#byEncoder.set(encode, known);
    }
    let frame = known.get(event);
    if (frame === undefined) {
      frame = encodeFrame(event, encode, eventName);
      known.set(event, frame);
      if (frame instanceof Promise) void frame.then((made) => this.#events.set(made, event)).catch(() => {});
    }
    return frame;
  }
}

function encodeFrame(event: RunEvent, encode: EventEncoder, eventName: EventName): Frame {
  const data = encode(event);
  if (data === null) return null;
  return encodeSent({ id: `${event.seq}`, event: eventName(event), data });
}

/** The bytes of a server-sent event. */
export function encodeSent({ id, event, data }: SentEvent): Buffer | Promise<Buffer> {
  const before = `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}data: `;
  const after = '\n\n';
  const text = stringifySmall(data);
  if (text !== null) return Buffer.from(`${before}${escapeLineEnds(text)}${after}`);
  return encodeSliced(data, { before, after, escapeText: escapeLineEnds }).then((buffers) => Buffer.concat(buffers));
}

/** Characters that some readers of lines take for the end of one. */
const lineEnds = /[\u0085\u2028\u2029]/g;

/** JSON of one line, for every idea of a line. */
function escapeLineEnds(text: string): string {
  return text.replaceAll(lineEnds, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
