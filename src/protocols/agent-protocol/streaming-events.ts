import { assertNever } from '../../contract/domain/assert-never.ts';
import type { ThreadEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { asObject, encodePhase, messagesOf } from '../shared/values.ts';
import { tellMessage } from './message-blocks.ts';
import type { EventFilter } from './streaming-requests.ts';

/** One `StreamingEvent`, with its number apart. */
export type ThreadFrame = { readonly seq: number; readonly method: string; readonly data: JsonObject };

/** What an event is in the protocol: `channel` is what a reader asks for, `method` what the event is called. */
type Told = { readonly channel: string; readonly method?: string; readonly name?: string; readonly data: Json };

/**
 * One event of a run is several of the protocol, numbered from a multiple of this: the number of each is the same for
 * every reader, whatever channels it asked for. So many are also the most that one event is told as.
 */
const numbersPerEvent = 65_536;
/** Of them for messages; an answer has no more in practice, and `values` holds all of them. */
const maxForMessages = numbersPerEvent - 16;

/** The newest event of the thread that a reader has whole who has seen everything up to a number. */
export function threadSeqAt(seq: number): number {
  return Math.max(0, Math.floor((seq + 1) / numbersPerEvent) - 1);
}

/** What a question of a run is called; a run that asks again asks under another name. */
function interruptId(runId: string, seq: number): string {
  return `${runId}.${seq}`;
}

export function readInterruptId(text: string): { readonly runId: string; readonly seq: number } | null {
  const [, runId, seq] = /^([0-9a-f-]{36})\.(\d{1,15})$/.exec(text) ?? [];
  return runId === undefined || seq === undefined ? null : { runId, seq: Number(seq) };
}

/** The events of the protocol that a reader with this filter gets for an event of the thread. */
export function tellEvent(event: ThreadEvent, filter: EventFilter): readonly ThreadFrame[] {
  const first = event.threadSeq * numbersPerEvent;
  const wanted = tell(event).map((told, at) => ({ told, seq: first + at }));
  return wanted.filter(({ told }) => isWanted(told, filter)).map(({ told, seq }) => encodeFrame(event, told, seq));
}

function encodeFrame(
  { runId, atMs }: ThreadEvent,
  { channel, method = channel, data }: Told,
  seq: number,
): ThreadFrame {
  // The document says `eventId`, the published client reads `event_id`.
  const names = { eventId: `${seq}`, event_id: `${seq}`, seq };
  const params = { namespace: [], timestamp: atMs, run_id: runId, data };
  return { seq, method, data: { type: 'event', ...names, method, params } };
}

function tell({ runId, seq, change }: ThreadEvent): readonly Told[] {
  switch (change.kind) {
    case 'phase': {
      const { phase, note } = change;
      const lifecycle: Told = {
        channel: 'lifecycle',
        data: { event: phase === 'queued' ? 'started' : 'running', ...(note === undefined ? {} : { note }) },
      };
      const custom: Told = { channel: 'custom', name: 'phase', data: { name: 'phase', payload: encodePhase(change) } };
      if (phase !== 'resuming') return [lifecycle, custom];
      // Nothing comes between a question and its answer.
      const interrupt_ids = [interruptId(runId, seq - 1)];
      return [{ channel: 'input', method: 'input.answered', data: { interrupt_ids } }, lifecycle, custom];
    }
    case 'partial':
      return [{ channel: 'values', data: asObject(change.value) }];
    case 'interrupt':
      return [
        {
          channel: 'input',
          method: 'input.requested',
          data: { interrupt_id: interruptId(runId, seq), payload: change.payload },
        },
        { channel: 'lifecycle', data: { event: 'interrupted' } },
      ];
    case 'result': {
      const { messages = [] } = messagesOf(change.value) as { readonly messages?: readonly JsonObject[] };
      const told = messages.flatMap((message, at) => tellMessage(message, `${runId}.${at}`));
      return [
        ...told.slice(0, maxForMessages).map((data): Told => ({ channel: 'messages', data })),
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

/** Every event is of the root: a filter of places deeper in a tree has none. */
function isWanted({ channel, name }: Told, { channels, namespaces = [] }: EventFilter): boolean {
  if (namespaces.length > 0 && !namespaces.some((prefix) => prefix.length === 0)) return false;
  return channels.includes(channel) || (name !== undefined && channels.includes(`${channel}:${name}`));
}
