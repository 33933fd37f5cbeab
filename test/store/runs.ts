import { v7 as uuidv7 } from 'uuid';
import type { Change, RunEvent } from '../../src/contract/domain/event.ts';
import type { Log } from '../../src/contract/domain/log.ts';
import type { Run } from '../../src/contract/domain/run.ts';

export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

/** A run as `createRun` would write it, with what a test wants to differ. */
export function makeRun(difference: Partial<Run> = {}): Run {
  const nowMs = Date.now();
  return {
    runId: uuidv7(),
    tenant: 'main',
    agentId: '0b7fbd38-6c3f-5a0e-9c53-2a4a2d3b9d10',
    agentName: 'price-scraper',
    threadId: null,
    request: { input: { url: 'https://shop.example/' } },
    phase: 'queued',
    status: 'pending',
    upstream: null,
    outcome: null,
    resumption: null,
    answeredInterrupt: null,
    attempts: 0,
    lastSeq: 1,
    version: 1,
    owner: null,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    startedAtMs: null,
    deadlineAtMs: nowMs + 900_000,
    ...difference,
  };
}

/** The event of a run's newest change. */
export function makeEvent(run: Run, change: Change = { kind: 'phase', phase: run.phase }): RunEvent {
  return { runId: run.runId, seq: run.lastSeq, atMs: run.updatedAtMs, status: run.status, change };
}

/** The run one version later. */
export function nextVersion(run: Run, difference: Partial<Run> = {}): Run {
  return { ...run, version: run.version + 1, lastSeq: run.lastSeq + 1, ...difference };
}

export function makeDone(run: Run, endedAtMs: number): Run {
  return nextVersion(run, {
    phase: 'done',
    status: 'success',
    updatedAtMs: endedAtMs,
    outcome: { kind: 'result', value: { items: [] } },
  });
}
