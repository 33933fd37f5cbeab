import type { SQLInputValue } from 'node:sqlite';
import { z } from 'zod';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { Admission } from '../../contract/domain/thread.ts';
import { heldOwner } from '../../contract/store/fence.ts';
import type { Claim, Idempotency, Insertion, RunUpdate } from '../../contract/store/store.ts';
import { type EncodedEvent, encodeEvents, encodeRewrite } from '../event-rows.ts';
import { type LargeTexts, textOf } from '../large-json.ts';
import { decodeRun, dueAtOf, encodeState, endedAtOf, vendorOf } from '../run-rows.ts';
import { formatLines, listEntries } from '../search-entries.ts';
import type { CapCount } from './sqlite-caps.ts';
import { prepareDelivery } from './sqlite-outbox.ts';
import type { Statements } from './sqlite-statements.ts';
import { prepareAdmission, prepareEffect } from './thread-effects.ts';
import type { UpstreamKeys } from './upstream-keys.ts';

// Each function encodes its arguments now, what is large before (see `large-json.ts`), and returns the work to do inside a
// transaction: a value that is not JSON fails its own caller, and later changes that the caller makes are not written.

const idRow = z.object({ id: z.number() });
const removedRow = idRow.extend({ thread_id: z.string().nullable(), ended_at_ms: z.number().nullable() });
const expiredRow = z.object({ run_id: z.string() });
const keyRow = z.object({ fingerprint: z.string(), run_id: z.string() });
const ownerRow = z.object({ owner: z.string() });

/** `lastInThread` is the number of the last event in the run's thread; null for a run without a thread. */
function appendEvents(
  statements: Statements,
  { runId, threadId }: Run,
  events: readonly EncodedEvent[],
  lastInThread: number | null,
): void {
  for (const [at, event] of events.entries()) {
    const place = lastInThread === null ? [null, null] : [threadId, lastInThread - events.length + 1 + at];
    statements.insertEvent.run(runId, ...event, ...place);
  }
}

export type NewRun = {
  readonly run: Run;
  readonly events: readonly RunEvent[];
  readonly idempotency: Idempotency | undefined;
  readonly admission: Admission | undefined;
  /** Null: the run is under no cap. */
  readonly caps: CapCount | null;
  readonly texts: LargeTexts | null;
};

export function prepareInsert(
  statements: Statements,
  { run, events, idempotency, admission, caps, texts }: NewRun,
): () => Insertion {
  const columns: SQLInputValue[] = [run.runId, run.tenant, run.agentId, run.agentName, run.threadId, run.phase];
  columns.push(run.status, run.owner, run.version, run.createdAtMs, run.updatedAtMs, endedAtOf(run), dueAtOf(run));
  const encoded = encodeEvents(run, events, { isNew: true, texts });
  columns.push(encodeState(run, texts), encoded.implied);
  const request = textOf(run.request, texts);
  const metadata = formatLines(listEntries(run.request.metadata));
  const { threadId } = run;
  const thread =
    admission === undefined || threadId === null
      ? null
      : prepareAdmission(statements, run, { threadId, admission, eventCount: events.length });
  return () => {
    const earlier = idempotency === undefined ? null : findEarlier(statements, idempotency);
    if (earlier !== null) return earlier;
    const refusal = thread?.refuse() ?? null;
    if (refusal !== null) return { kind: refusal };
    const reached = caps?.refuse() ?? null;
    if (reached !== null) return { kind: 'capped', reached };
    if (idempotency !== undefined) {
      const { tenant, key, fingerprint, expiresAtMs } = idempotency;
      statements.storeKey.run(tenant, key, fingerprint, run.runId, expiresAtMs);
    }
    const lastInThread = thread?.join() ?? null;
    const { lastInsertRowid: id } = statements.insertRun.run(...columns);
    statements.insertRequest.run(id, metadata, request);
    appendEvents(statements, run, encoded.rows, lastInThread);
    caps?.count();
    return { kind: 'inserted' };
  };
}

/** The result of an insert whose key was used before; null when the key is free. */
function findEarlier(statements: Statements, { tenant, key, fingerprint }: Idempotency): Insertion | null {
  const used = statements.findKey.get(tenant, key, Date.now());
  if (used === undefined) return null;
  const earlier = keyRow.parse(used);
  return earlier.fingerprint === fingerprint ? { kind: 'replayed', runId: earlier.run_id } : { kind: 'mismatch' };
}

/** The work gives null where another run has the upstream run. */
export function prepareUpdate(
  { statements, upstreams }: { readonly statements: Statements; readonly upstreams: UpstreamKeys },
  update: RunUpdate,
  texts: LargeTexts | null,
): () => boolean | null {
  const { run, expectedVersion, expectedOwner = null, upstreamKey } = update;
  const columns: SQLInputValue[] = [run.runId, run.tenant, expectedVersion, run.phase, run.status, run.owner];
  const encoded = encodeEvents(run, update.events, { isNew: false, texts });
  columns.push(run.version, run.updatedAtMs, endedAtOf(run), encodeState(run, texts), expectedOwner);
  columns.push(encoded.implied);
  const rewrites = (update.rewrites ?? []).map((rewrite) => [rewrite.seq, encodeRewrite(rewrite)] as const);
  const affectThread =
    update.thread === undefined || run.threadId === null
      ? null
      : prepareEffect(statements, run, {
          threadId: run.threadId,
          effect: update.thread,
          eventCount: update.events.length,
        });
  const vendor = vendorOf(run);
  const owe = (update.deliveries ?? []).map((each) => prepareDelivery(statements.insertDelivery, each));
  return () => {
    const holder = upstreamKey === undefined ? null : upstreams.find(upstreamKey);
    if (holder !== null && holder !== run.runId) return null;
    // The end of a run always moves it within the indexes.
    if (!updateInPlace(statements, update, columns)) {
      if (statements.updateRun.run(...columns, vendor).changes === 0) return false;
      if (upstreamKey !== undefined) statements.setUpstream.run(run.runId, upstreamKey);
    }
    if (upstreamKey !== undefined && holder === null) upstreams.note(upstreamKey, run.runId);
    for (const [seq, change] of rewrites) {
      if (change === null) statements.removeEvent.run(run.runId, seq);
      else statements.rewriteEvent.run(run.runId, seq, change);
    }
    appendEvents(statements, run, encoded.rows, affectThread?.() ?? null);
    for (const store of owe) store();
    return true;
  };
}

/** Whether the run could be written without a change of its entries in the indexes; its end always moves it. */
function updateInPlace(
  { updateRunInPlace, updateStartedRun }: Statements,
  { run, upstreamKey }: RunUpdate,
  columns: readonly SQLInputValue[],
): boolean {
  if (run.phase === 'done') return false;
  const { changes } =
    upstreamKey === undefined ? updateRunInPlace.run(...columns) : updateStartedRun.run(...columns, upstreamKey);
  return changes === 1;
}

export function prepareRemove(statements: Statements, key: RunKey, expectedVersion: number): () => boolean {
  return () => {
    if (statements.isVersion.get(key.runId, key.tenant, expectedVersion) === undefined) return false;
    statements.keepRun.run(key.runId);
    const removed = statements.removeRun.get(key.runId, key.tenant, expectedVersion);
    if (removed === undefined) return false;
    const { id, thread_id: threadId, ended_at_ms: endedAtMs } = removedRow.parse(removed);
    statements.removeRequest.run(id);
    statements.removeEvents.run(id);
    statements.uncountRun.run(key.runId);
    if (threadId !== null) statements.leaveThread.run(threadId, key.tenant, key.runId, Number(endedAtMs === null));
    return true;
  };
}

/** `isLive` says whether a replica other than the claimer lives. */
export function prepareClaim(
  statements: Statements,
  { replica, limit }: Claim,
  isLive: (owner: string) => boolean,
): () => readonly Run[] {
  return () => {
    const owners: (string | null)[] = [null];
    // One step of the index per owner rather than per run: a live owner may have very many.
    for (let owner = ''; ; owners.push(owner)) {
      const row = statements.nextOwner.get(owner);
      if (row === undefined) break;
      owner = ownerRow.parse(row).owner;
    }
    return owners
      .filter((owner) => owner === null || (owner !== replica && owner !== heldOwner && !isLive(owner)))
      .flatMap((owner) => statements.ownedRuns.all(owner, limit).map(decodeRun))
      .sort((a, b) => (a.runId < b.runId ? -1 : 1))
      .slice(0, limit)
      .map((run) => {
        statements.claimRun.run(replica, run.runId);
        return { ...run, owner: replica, version: run.version + 1 };
      });
  };
}

/** Removes those of the runs, given by their row ids, that ended before the instant. */
export function prepareExpire(
  statements: Statements,
  runs: readonly number[],
  { finishedBeforeMs, nowMs, limit }: { finishedBeforeMs: number; nowMs: number; limit: number },
): () => number {
  return () => {
    let removed = 0;
    for (const id of runs) {
      const expired = statements.expiredRun.get(id, finishedBeforeMs);
      if (expired === undefined) continue;
      removed += 1;
      statements.keepRun.run(expiredRow.parse(expired).run_id);
      statements.removeRequest.run(id);
      statements.removeEvents.run(id);
      statements.expireRun.run(id);
    }
    const { changes: deliveries } = statements.expireDeliveries.run(finishedBeforeMs, limit);
    const { changes: keys } = statements.expireKeys.run(nowMs, limit);
    // A caller repeats while it gets `limit`, so the highest of the three counts decides.
    return Math.max(removed, Number(deliveries), Number(keys));
  };
}
