import type { RunEvent } from '../../contract/event.ts';
import type { Run, RunKey } from '../../contract/run.ts';
import type { Idempotency, RunUpdate } from '../../contract/store.ts';
import { listEntries } from '../metadata.ts';
import { encodeRequest, encodeState, endOf } from '../rows.ts';

// Each encodes what it was given at once: a value that is no JSON fails its caller alone, and what the caller changes
// afterwards changes nothing here.

type Cell = string | number | null;

/** One row of the arrays that a statement takes, with its events. */
export type EncodedWrite = {
  readonly runId: string;
  /** The idempotency key that it takes. */
  readonly key: string | null;
  readonly cells: readonly Cell[];
  readonly events: readonly (readonly Cell[])[];
};

export function encodeInsert(run: Run, events: readonly RunEvent[], used: Idempotency | undefined): EncodedWrite {
  const entries = listEntries(run.request.metadata);
  return {
    runId: run.runId,
    key: used === undefined ? null : JSON.stringify([used.tenant, used.key]),
    cells: [
      ...[run.runId, run.tenant, run.agentId, run.agentName, run.threadId, run.phase, run.status, run.owner],
      ...[run.version, run.createdAtMs, run.updatedAtMs, endOf(run), encodeState(run), encodeRequest(run.request)],
      // No entry holds a line feed.
      entries.length === 0 ? null : entries.join('\n'),
      ...[used?.tenant ?? null, used?.key ?? null, used?.fingerprint ?? null, used?.expiresAtMs ?? null],
    ],
    events: encodeEvents(events),
  };
}

export function encodeUpdate({ run, expectedVersion, expectedOwner, events }: RunUpdate): EncodedWrite {
  const { runId, tenant, phase, status, owner, version, updatedAtMs } = run;
  const condition = [runId, tenant, expectedVersion, expectedOwner ?? null];
  return {
    runId,
    key: null,
    cells: [...condition, phase, status, owner, version, updatedAtMs, endOf(run), encodeState(run)],
    events: encodeEvents(events),
  };
}

export function encodeRemove({ tenant, runId }: RunKey, expectedVersion: number): EncodedWrite {
  return { runId, key: null, cells: [runId, tenant, expectedVersion], events: [] };
}

function encodeEvents(events: readonly RunEvent[]): readonly (readonly Cell[])[] {
  return events.map(({ runId, seq, atMs, status, change }) => [runId, seq, atMs, status, JSON.stringify(change)]);
}

/** Turns rows into the arrays, one per column, that `unnest` takes. */
export function toColumns(rows: readonly (readonly Cell[])[], width: number): readonly (readonly Cell[])[] {
  return Array.from({ length: width }, (_, column) => rows.map((row) => row[column] ?? null));
}
