import type { RunEvent } from '../../src/contract/domain/event.ts';
import type { Run } from '../../src/contract/domain/run.ts';

export const tenant = 'default';
/** The runs of a filled store belong to this many agents in turn. */
export const agents = 20;
/** One run in this many failed. */
export const failedOneIn = 100;

/** As SQL spells them too: the number of the agent in twelve decimal digits. */
const agentPrefix = '0b7fbd38-6c3f-5a0e-9c53-';
export const sqlParts = {
  agentId: (number: string) => `'${agentPrefix}' || ${number}`,
  /** Older than every run that is made today, and in order. */
  runId: (number: string) => `'01900000-0000-7000-8000-' || ${number}`,
};

export function nameAgentId(agent: number): string {
  return `${agentPrefix}${String(agent).padStart(12, '0')}`;
}

/** A run and its events, as the engine writes them; `runId` makes it one of many. */
export function makeRun(runId: string, agent: number, isDone: boolean): readonly [Run, readonly RunEvent[]] {
  const atMs = Date.now();
  const base = { runId, atMs, status: 'pending' } as const;
  const output = { items: [{ name: 'kettle', price: 24.5, currency: 'EUR' }], count: 1 };
  const events: readonly RunEvent[] = [
    { ...base, seq: 1, change: { kind: 'phase', phase: 'queued' } },
    { ...base, seq: 2, change: { kind: 'phase', phase: 'running' } },
    { ...base, seq: 3, status: 'success', change: { kind: 'result', value: output } },
  ];
  const run: Run = {
    runId,
    tenant,
    agentId: nameAgentId(agent),
    agentName: `agent-${agent}`,
    threadId: null,
    request: { input: { url: 'https://shop.example/kettles/42', depth: 2 }, metadata: { team: 'pricing' } },
    phase: isDone ? 'done' : 'queued',
    status: isDone ? 'success' : 'pending',
    upstream: isDone ? { runId: 'V1StGXR8_Z5jdHi6B-myT' } : null,
    outcome: isDone ? { kind: 'result', value: output } : null,
    resumption: null,
    answeredInterrupt: null,
    attempts: 0,
    lastSeq: isDone ? 3 : 1,
    version: isDone ? 4 : 1,
    owner: isDone ? null : 'bench',
    createdAtMs: atMs,
    updatedAtMs: atMs,
    startedAtMs: isDone ? atMs : null,
    deadlineAtMs: atMs + 900_000,
  };
  return [run, isDone ? events : events.slice(0, 1)];
}
