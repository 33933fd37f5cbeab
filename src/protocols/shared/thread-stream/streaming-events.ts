import { assertNever } from '../../../contract/domain/assert-never.ts';
import type { ThreadEvent } from '../../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../../contract/domain/json.ts';
import { isJsonObject } from '../../../json/json-object.ts';
import { interruptId } from '../interrupt-ids.ts';
import { encodePhase } from '../phase-update.ts';
import { asObject, messagesOf } from '../values.ts';
import type { EventFilter } from './streaming-requests.ts';

/** The protocol's names for authors that other protocols call differently. */
const roles: Readonly<Record<string, string>> = { user: 'human', assistant: 'ai' };

/** One `StreamingEvent`, with its number apart. */
export type ThreadFrame = { readonly seq: number; readonly method: string; readonly data: JsonObject };

/** An event of the protocol without its frame: readers subscribe to `channel`, `method` is the event's name. */
type ChannelEvent = { readonly channel: string; readonly method?: string; readonly name?: string; readonly data: Json };

/**
 * One event of a run becomes several of the protocol, numbered from a multiple of this, so that each has the same number
 * for every reader, whatever its channels. It is also the most that one event may become.
 */
const numbersPerEvent = 65_536;
/** The share of messages; no answer has more in practice, and `values` holds all of them. */
const maxForMessages = numbersPerEvent - 16;

/** The newest thread event that a reader has completely, once it has seen everything up to a protocol number. */
export function threadSeqAt(seq: number): number {
  return Math.max(0, Math.floor((seq + 1) / numbersPerEvent) - 1);
}

/** The events of the protocol that a reader with this filter gets for an event of the thread. */
export function encodeThreadEvent(event: ThreadEvent, filter: EventFilter): readonly ThreadFrame[] {
  const first = event.threadSeq * numbersPerEvent;
  return channelEventsOf(event)
    .map((found, at) => ({ found, seq: first + at }))
    .filter(({ found }) => isWanted(found, filter))
    .map(({ found, seq }) => encodeFrame(event, found, seq));
}

function encodeFrame(
  { runId, atMs }: ThreadEvent,
  { channel, method = channel, data }: ChannelEvent,
  seq: number,
): ThreadFrame {
  // The document says `eventId`, the published client reads `event_id`.
  const names = { eventId: `${seq}`, event_id: `${seq}`, seq };
  const params = { namespace: [], timestamp: atMs, run_id: runId, data };
  return { seq, method, data: { type: 'event', ...names, method, params } };
}

function channelEventsOf({ runId, seq, change }: ThreadEvent): readonly ChannelEvent[] {
  switch (change.kind) {
    case 'phase': {
      const { phase, note, waiting } = change;
      const lifecycle: ChannelEvent = {
        channel: 'lifecycle',
        data: { event: phase === 'queued' ? 'started' : 'running', ...(note === undefined ? {} : { note }) },
      };
      const custom: ChannelEvent = {
        channel: 'custom',
        name: 'phase',
        data: { name: 'phase', payload: encodePhase(change) },
      };
      // A wait begins nothing, and answers nothing.
      if (waiting !== undefined) return [custom];
      if (phase !== 'resuming') return [lifecycle, custom];
      // No event comes between an interrupt and its answer.
      const interrupt_ids = [interruptId({ runId, seq: seq - 1 })];
      return [{ channel: 'input', method: 'input.answered', data: { interrupt_ids } }, lifecycle, custom];
    }
    case 'replaced':
      return [];
    case 'partial':
      return [{ channel: 'values', data: asObject(change.value) }];
    case 'interrupt':
      return [
        {
          channel: 'input',
          method: 'input.requested',
          data: { interrupt_id: interruptId({ runId, seq }), payload: change.payload },
        },
        { channel: 'lifecycle', data: { event: 'interrupted' } },
      ];
    case 'result': {
      const { messages = [] } = messagesOf(change.value) as { readonly messages?: readonly JsonObject[] };
      const blocks = messages.flatMap((message, at) => encodeMessage(message, `${runId}.${at}`));
      return [
        ...blocks.slice(0, maxForMessages).map((data): ChannelEvent => ({ channel: 'messages', data })),
        { channel: 'values', data: asObject(change.value) },
        { channel: 'lifecycle', data: { event: 'completed' } },
      ];
    }
    case 'error': {
      const { description, errcode } = change;
      return [{ channel: 'lifecycle', data: { event: 'failed', error: description, errcode } }];
    }
    default:
      return assertNever(change);
  }
}

/** Every event belongs to the root namespace, so a filter of deeper namespaces lets none through. */
function isWanted({ channel, name }: ChannelEvent, { channels, namespaces = [] }: EventFilter): boolean {
  if (namespaces.length > 0 && !namespaces.some((prefix) => prefix.length === 0)) return false;
  return channels.includes(channel) || (name !== undefined && channels.includes(`${channel}:${name}`));
}

/** A whole message as the protocol streams it: start, blocks, finish. No vendor sends messages in pieces. */
function encodeMessage({ role, content, id }: JsonObject, fallbackId: string): readonly JsonObject[] {
  const author = typeof role === 'string' ? role : 'ai';
  const blocks = Array.isArray(content) ? (content as readonly Json[]).filter(isJsonObject) : [textBlock(content)];
  return [
    { event: 'message-start', role: roles[author] ?? author, id: typeof id === 'string' ? id : fallbackId },
    ...blocks.flatMap((block, index) => [
      { event: 'content-block-start', index, content: emptyBlock(block) },
      { event: 'content-block-finish', index, content: block },
    ]),
    { event: 'message-finish' },
  ];
}

function textBlock(content: Json | undefined): JsonObject {
  return { type: 'text', text: typeof content === 'string' ? content : '' };
}

/** The empty block that a block starts as. */
function emptyBlock({ type = 'text' }: JsonObject): JsonObject {
  return type === 'text' ? { type, text: '' } : { type };
}
