import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { Idempotency, RunUpdate } from '../../contract/store/store.ts';
import { listEntries } from '../metadata.ts';
import { dueOf, encodeState, endOf } from '../rows.ts';
import { encodeDelivery } from './outbox.ts';
import type { Row } from './write-statement.ts';
import type { EncodedWrite } from './writes.ts';

// Each encodes what it was given at once: a value that is no JSON fails its caller alone, and what the caller changes
// afterwards changes nothing here.

export function encodeInsert(run: Run, events: readonly RunEvent[], used: Idempotency | undefined): EncodedWrite {
  const entries = listEntries(run.request.metadata);
  const cells = [
    ...[run.runId, run.tenant, run.agentId, run.agentName, run.threadId, run.phase, run.status, run.owner],
    ...[run.version, run.createdAtMs, run.updatedAtMs, endOf(run), dueOf(run), encodeState(run)],
    JSON.stringify(run.request),
    formatEntries(entries),
    ...[used?.tenant ?? null, used?.key ?? null, used?.fingerprint ?? null, used?.expiresAtMs ?? null],
  ];
  const keys = used === undefined ? [run.runId] : [run.runId, JSON.stringify([used.tenant, used.key])];
  return { id: run.runId, keys, tables: [[cells], encodeEvents(events)] };
}

export function encodeUpdate({ run, expectedVersion, expectedOwner, events, delivery }: RunUpdate): EncodedWrite {
  const { runId, tenant, phase, status, owner, version, updatedAtMs } = run;
  const condition = [runId, tenant, expectedVersion, expectedOwner ?? null];
  const cells = [...condition, phase, status, owner, version, updatedAtMs, endOf(run), encodeState(run)];
  const owed = delivery === undefined ? [] : [encodeDelivery(delivery)];
  return { id: runId, keys: [runId], tables: [[cells], encodeEvents(events), owed] };
}

export function encodeRemove({ tenant, runId }: RunKey, expectedVersion: number): EncodedWrite {
  return { id: runId, keys: [runId], tables: [[[runId, tenant, expectedVersion]]] };
}

/** Entries in one text: an array of arrays, one per row, would have to be a rectangle. Null when there is none. */
export function formatEntries(entries: readonly string[]): string | null {
  // No entry holds a line feed.
  return entries.length === 0 ? null : entries.join('\n');
}

function encodeEvents(events: readonly RunEvent[]): readonly Row[] {
  return events.map(({ runId, seq, atMs, status, change }) => [runId, seq, atMs, status, JSON.stringify(change)]);
}
