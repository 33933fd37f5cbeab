import { z } from 'zod';
import type { Change, RunEvent, ThreadEvent } from '../contract/domain/event.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { type Outcome, type Run, runPhases, runStatuses } from '../contract/domain/run.ts';
import { waitingCauses } from '../contract/domain/waiting.ts';
import { type EventRewrite, StorageFault } from '../contract/store/store.ts';
import { isJsonObject } from '../json/json-object.ts';
import { type LargeTexts, parseLarge, textOf } from './large-json.ts';
import { decodeState } from './run-rows.ts';

// An event is stored only as far as it does not follow from its run. Of a run without a thread, creation, start and end have no row,
// and those that had are marked in `runs.implied`. In a thread every event has a row, which holds its place in the thread.
// A result, or an interrupt that waits for its answer, is in the run; its event's row says only that. A partial output
// that was replaced has no row, and its number is known to be one because a later partial output has a higher one.

const integer = z.number().int();
const json = z.custom<Json>((value) => value !== undefined);

/** The bits of `runs.implied`. */
const impliedBits = { created: 1, started: 2, ended: 4 } as const;

const changeSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('phase'),
    phase: z.enum(runPhases),
    note: z.string().optional(),
    // A later version may know more of them.
    waiting: z.enum(waitingCauses).optional().catch(undefined),
    answer: z.object({ payload: json, extra: z.custom<JsonObject>(isJsonObject).optional() }).optional(),
  }),
  z.object({ kind: z.literal('partial'), value: json.optional() }),
  z.object({ kind: z.literal('interrupt'), payload: json.optional() }),
  z.object({ kind: z.literal('result'), value: json.optional() }),
  z.object({ kind: z.literal('error'), errcode: z.number(), description: z.string() }),
]);

const eventRow = z.object({ seq: integer, at_ms: z.number(), status: z.enum(runStatuses), change: z.string() });
const threadEventRow = eventRow.extend({ run_id: z.string(), thread_seq: integer, state: z.string().nullable() });

/** What {@link decodeEvents} reads of a run. */
const eventSourceRow = z.object({
  created_at_ms: z.number(),
  updated_at_ms: z.number(),
  status: z.enum(runStatuses),
  implied: integer,
  state: z.string(),
});
/** The columns of it, for a select list. */
export const eventSourceColumns = Object.keys(eventSourceRow.shape).join(', ');

export type EncodedEvent = readonly [seq: number | null, atMs: number, status: string, change: string];

/** The changes of a thread's event that need `runs.state` to be read, as a list in SQL. */
export const bareChanges = ['partial', 'interrupt', 'result'].map((kind) => `'{"kind":"${kind}"}'`).join(', ');

/**
 * The rows of a run's new events, and the bits of those that the run implies.
 *
 * @param run the run as it is written with the events.
 */
export function encodeEvents(
  run: Run,
  events: readonly RunEvent[],
  { isNew, texts }: { readonly isNew: boolean; readonly texts: LargeTexts | null },
): { readonly rows: readonly EncodedEvent[]; readonly implied: number } {
  const rows: EncodedEvent[] = [];
  let implied = 0;
  for (const event of events) {
    const bit = run.threadId === null ? bitOf(run, event, isNew) : 0;
    implied |= bit;
    // The first event comes with the run, which may have no row of it: null, which no database takes, instead of a second one.
    const seq = event.seq === 1 && !isNew ? null : event.seq;
    if (bit === 0) rows.push([seq, event.atMs, event.status, encodeChange(run, event.change, texts)]);
  }
  return { rows, implied };
}

/** The text of a rewritten event; null: its row goes. */
export function encodeRewrite({ change }: EventRewrite): string | null {
  if (change === 'replaced') return null;
  return JSON.stringify(change === 'same as result' ? { kind: 'partial' } : change);
}

function encodeChange({ outcome }: Run, change: Change, texts: LargeTexts | null): string {
  const isTold =
    (change.kind === 'result' && outcome?.kind === 'result' && outcome.value === change.value) ||
    (change.kind === 'interrupt' && outcome?.kind === 'interrupt' && outcome.payload === change.payload);
  return isTold ? JSON.stringify({ kind: change.kind }) : textOf(change, texts);
}

function bitOf(run: Run, event: RunEvent, isNew: boolean): number {
  if (isNew && isSame(event, creationOf(run.runId, run.createdAtMs))) return impliedBits.created;
  if (run.startedAtMs !== null && isSame(event, startOf(run.runId, run.startedAtMs))) return impliedBits.started;
  const end = endOf({ runId: run.runId, status: run.status, atMs: run.updatedAtMs }, run);
  return run.phase === 'done' && end !== null && isSame(event, end) ? impliedBits.ended : 0;
}

/** Large values are compared by identity: the state machine hands one value to run and event. */
function isSame(event: RunEvent, other: RunEvent): boolean {
  if (event.seq !== other.seq || event.atMs !== other.atMs || event.status !== other.status) return false;
  const { change } = event;
  const members: Readonly<Record<string, unknown>> = other.change;
  return Object.entries(change).every(([name, value]) => value === members[name]);
}

function creationOf(runId: string, atMs: number): RunEvent {
  return { runId, seq: 1, atMs, status: 'pending', change: { kind: 'phase', phase: 'queued' } };
}

/** Of a run that was started without a recorded wait; the start of any other has a row. */
function startOf(runId: string, atMs: number): RunEvent {
  return { runId, seq: 2, atMs, status: 'pending', change: { kind: 'phase', phase: 'running' } };
}

/** Null for a run that has no outcome. */
function endOf(
  { runId, status, atMs }: Pick<RunEvent, 'runId' | 'status' | 'atMs'>,
  { lastSeq, outcome }: { readonly lastSeq: number; readonly outcome: Outcome | null },
): RunEvent | null {
  return outcome === null ? null : { runId, seq: lastSeq, atMs, status, change: outcome };
}

/**
 * The events of a run after one of them, those that have no row among them.
 *
 * @param source the run's columns {@link eventSourceColumns}; undefined where there is no such run.
 * @param rows events of the same snapshot, in order, as many as `limit`.
 * Large values are parsed in slices. Rejects with `StorageFault` when a row cannot be decoded.
 */
export async function decodeEvents(
  runId: string,
  { source, rows }: { readonly source: unknown; readonly rows: readonly unknown[] },
  { afterSeq, limit }: { readonly afterSeq: number; readonly limit: number },
): Promise<readonly RunEvent[]> {
  if (source === undefined) return [];
  try {
    const { created_at_ms: createdAtMs, updated_at_ms: atMs, status, implied, state } = eventSourceRow.parse(source);
    const reading = decodeState(state);
    const told = reading instanceof Promise ? await reading : reading;
    const stored: RunEvent[] = [];
    for (const row of rows) {
      const event = decodeEvent(runId, eventRow.parse(row), told.outcome);
      stored.push(event instanceof Promise ? await event : event);
    }
    const { startedAtMs } = told;
    const found = [...stored];
    const has = (bit: number): boolean => (implied & bit) !== 0;
    if (has(impliedBits.created)) found.push(creationOf(runId, createdAtMs));
    if (has(impliedBits.started) && startedAtMs !== null) found.push(startOf(runId, startedAtMs));
    const end = has(impliedBits.ended) ? endOf({ runId, status, atMs }, told) : null;
    if (end !== null) found.push(end);
    // Beyond the last of a full page there may be rows that were not read.
    const horizon = stored.length < limit ? Number.POSITIVE_INFINITY : (stored.at(-1)?.seq ?? 0);
    const known = new Map(
      found.filter(({ seq }) => seq > afterSeq && seq <= horizon).map((event) => [event.seq, event]),
    );
    const events: RunEvent[] = [];
    const lastPartial = Math.min(told.partial?.seq ?? 0, horizon);
    for (let seq = afterSeq + 1; seq < lastPartial && events.length < limit; seq += 1) {
      events.push(known.get(seq) ?? { runId, seq, atMs, status: 'pending', change: { kind: 'replaced' } });
      known.delete(seq);
    }
    const later = [...known.values()].sort((a, b) => a.seq - b.seq);
    return [...events, ...later].slice(0, limit);
  } catch (cause) {
    throw cause instanceof StorageFault ? cause : new StorageFault('an event in the database cannot be read', cause);
  }
}

function decodeEvent(
  runId: string,
  row: z.infer<typeof eventRow>,
  outcome: Outcome | null,
): RunEvent | Promise<RunEvent> {
  const decode = (value: Json): RunEvent => {
    const change = completeChange(changeSchema.parse(value), outcome);
    return { runId, seq: row.seq, atMs: row.at_ms, status: row.status, change };
  };
  const value = parseLarge(row.change);
  return value instanceof Promise ? value.then(decode) : decode(value);
}

/** A change whose value is in the run, with it. */
function completeChange(change: z.infer<typeof changeSchema>, outcome: Outcome | null): Change {
  switch (change.kind) {
    case 'partial':
    case 'result': {
      const { kind, value = outcome?.kind === 'result' ? outcome.value : undefined } = change;
      if (value === undefined) break;
      return { kind, value };
    }
    case 'interrupt': {
      const { kind, payload = outcome?.kind === 'interrupt' ? outcome.payload : undefined } = change;
      if (payload === undefined) break;
      return { kind, payload };
    }
    default:
      return change;
  }
  throw new StorageFault('an event in the database lacks its value, and its run has none');
}

/**
 * Events of a thread, each with its run and its place. Large values are parsed in slices. Rejects with `StorageFault` when a
 * row cannot be decoded.
 */
export async function decodeThreadEvents(rows: readonly unknown[]): Promise<readonly ThreadEvent[]> {
  const events: ThreadEvent[] = [];
  try {
    for (const row of rows) {
      const { run_id: runId, thread_seq: threadSeq, state, ...columns } = threadEventRow.parse(row);
      const outcome = state === null ? null : (await decodeState(state)).outcome;
      events.push({ ...(await decodeEvent(runId, columns, outcome)), threadSeq });
    }
  } catch (cause) {
    throw cause instanceof StorageFault ? cause : new StorageFault('an event in the database cannot be read', cause);
  }
  return events;
}
