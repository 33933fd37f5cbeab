import type { Answer, ListAnswer } from '../../contract/api/protocol.ts';
import type { CreatedRun } from '../../contract/api/runs.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { RowBatch, Rows } from '../../contract/store/rows.ts';

export function jsonAnswer(body: Json): Answer {
  return { kind: 'json', status: 200, body };
}

type Page = { readonly limit: number; readonly offset: number };

/** A page of a list, in the protocol's words. */
export function listAnswer<Row>(
  rows: Rows<Row>,
  encode: (row: Row) => Json,
  { limit, offset }: Page,
  more: Pick<ListAnswer, 'frame' | 'isReversed'> = {},
): ListAnswer {
  return {
    kind: 'list',
    rows: encodeRows(rows, encode),
    limit,
    next: (count) => ({ name: 'offset', value: `${offset + count}` }),
    ...more,
  };
}

/** A list of which nothing was found, or which is known whole. */
export async function* rowsOf<Row>(rows: readonly Row[]): AsyncGenerator<RowBatch<Row>, undefined> {
  yield { rows, size: 0 };
}

export async function* encodeRows<Row>(
  rows: Rows<Row>,
  encode: (row: Row) => Json,
): AsyncGenerator<RowBatch<Json>, undefined> {
  for await (const batch of rows) yield { rows: batch.rows.map(encode), size: batch.size };
}

type JsonAnswer = Extract<Answer, { kind: 'json' }>;

/**
 * Makes answers with a run. A run is never changed, and one that is done stays the same object while it is cached: so does
 * its answer, whose body all readers share.
 */
export function runAnswerer(
  encode: (run: Run) => Json,
): (run: Run, more?: Pick<JsonAnswer, 'runId' | 'replayed'>) => Answer {
  const lasting = new WeakMap<Run, JsonAnswer>();
  return (run, more) => {
    let answer = lasting.get(run);
    if (answer === undefined) {
      const { waiting } = run;
      const isLasting = run.phase === 'done' || (run.outcome !== null && waiting === undefined);
      answer = { kind: 'json', status: 200, body: encode(run), lasting: isLasting, waiting };
      if (isLasting) lasting.set(run, answer);
    }
    return more === undefined ? answer : { ...answer, ...more };
  };
}

export function creationAnswer({ run, replayed }: CreatedRun, body: Json): Answer {
  return { kind: 'json', status: 200, body, runId: run.runId, replayed, waiting: run.waiting };
}

export const emptyAnswer: Answer = { kind: 'empty', status: 204 };

type Times = { readonly createdAtMs: number; readonly updatedAtMs: number };

/** Creation and last change. Until the first change both are one text, because formatting an instant is slow. */
export function encodeTimes({ createdAtMs, updatedAtMs }: Times) {
  const createdAt = instantOf(createdAtMs);
  return { created_at: createdAt, updated_at: updatedAtMs === createdAtMs ? createdAt : instantOf(updatedAtMs) };
}

export function instantOf(atMs: number): string {
  return new Date(atMs).toISOString();
}
