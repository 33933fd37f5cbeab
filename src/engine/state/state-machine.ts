import type { Change, RunEvent } from '../../contract/domain/event.ts';
import { assertNever, canonicalJson, type Json } from '../../contract/domain/json.ts';
import type { Outcome, Run, RunPhase, RunStatus, UpstreamRef } from '../../contract/domain/run.ts';
import type { LivingAgent } from '../../contract/domain/thread.ts';

/** How a run ends. */
export type Ending =
  | { readonly status: 'success'; readonly value: Json }
  | { readonly status: 'error' | 'timeout'; readonly errcode: number; readonly description: string };

/** Everything that can happen to a run (design, section 4). */
export type Step =
  /** About to ask the vendor to start. */
  | { readonly kind: 'begin' }
  /** The vendor was not asked, or said "later". */
  | { readonly kind: 'postpone' }
  | { readonly kind: 'started'; readonly upstream: UpstreamRef; readonly living?: LivingAgent }
  /** The thread has its agent at the vendor now, which was not yet sent the run's input. */
  | { readonly kind: 'scheduled'; readonly living: LivingAgent }
  | { readonly kind: 'partial'; readonly value: Json }
  | { readonly kind: 'interrupt'; readonly payload: Json }
  /** The vendor went on without us. */
  | { readonly kind: 'clear' }
  /** The vendor no longer shows the interrupt that was answered: the same one may come again. */
  | { readonly kind: 'forget' }
  | { readonly kind: 'resume'; readonly payload: Json }
  /** About to send the accepted payload. */
  | { readonly kind: 'deliver' }
  | { readonly kind: 'redeliver' }
  | { readonly kind: 'delivered' }
  /** The payload did not arrive, or nobody knows: the vendor's next answer decides, and may interrupt again. */
  | { readonly kind: 'undelivered'; readonly note: string }
  /** `living`: what becomes of the thread's agent at the vendor; left out, it stays. */
  | { readonly kind: 'end'; readonly ending: Ending; readonly living?: LivingAgent | null };

export type Transition = { readonly run: Run; readonly events: readonly RunEvent[] };

/** From which phases a step may be taken; `end` from all but `done`. */
const allowedFrom: Readonly<Record<Exclude<Step['kind'], 'end'>, readonly RunPhase[]>> = {
  begin: ['queued', 'starting'],
  postpone: ['starting'],
  started: ['starting'],
  scheduled: ['starting'],
  partial: ['running'],
  interrupt: ['running'],
  clear: ['interrupted'],
  forget: ['running'],
  resume: ['interrupted'],
  deliver: ['resuming', 'delivering'],
  redeliver: ['delivering'],
  delivered: ['delivering'],
  undelivered: ['delivering', 'resuming'],
};

/**
 * The state machine of a run: pure. Null when the run's phase does not allow the step; a run that is done allows
 * none, so that a late success never turns a cancellation or a deadline over.
 */
export function advance(run: Run, step: Step, nowMs: number): Transition | null {
  if (run.phase === 'done') return null;
  if (step.kind !== 'end' && !allowedFrom[step.kind].includes(run.phase)) return null;
  switch (step.kind) {
    case 'begin':
      return silently(run, { phase: 'starting' }, nowMs);
    case 'postpone':
      return silently(run, { phase: 'queued', attempts: run.attempts + 1 }, nowMs);
    case 'scheduled':
      return silently(run, { phase: 'queued', attempts: 0 }, nowMs);
    case 'started':
      return visibly(
        run,
        { phase: 'running', upstream: step.upstream, attempts: 0, startedAtMs: nowMs },
        { kind: 'phase', phase: 'running' },
        nowMs,
      );
    case 'partial':
      return visibly(run, {}, { kind: 'partial', value: step.value }, nowMs);
    case 'interrupt':
      return visibly(
        run,
        { phase: 'interrupted', outcome: { kind: 'interrupt', payload: step.payload }, answeredInterrupt: null },
        { kind: 'interrupt', payload: step.payload },
        nowMs,
      );
    case 'clear':
      return visibly(run, { phase: 'running', outcome: null }, { kind: 'phase', phase: 'running' }, nowMs);
    case 'forget':
      return silently(run, { answeredInterrupt: null }, nowMs);
    case 'resume':
      return visibly(
        run,
        {
          phase: 'resuming',
          outcome: null,
          attempts: 0,
          resumption: { payload: step.payload, interrupt: interruptOf(run) },
        },
        { kind: 'phase', phase: 'resuming' },
        nowMs,
      );
    case 'deliver':
      return silently(run, { phase: 'delivering' }, nowMs);
    case 'redeliver':
      return silently(run, { phase: 'resuming', attempts: run.attempts + 1 }, nowMs);
    case 'delivered':
      return visibly(
        run,
        {
          phase: 'running',
          resumption: null,
          attempts: 0,
          answeredInterrupt: run.resumption === null ? null : canonicalJson(run.resumption.interrupt),
        },
        { kind: 'phase', phase: 'running' },
        nowMs,
      );
    case 'undelivered':
      return visibly(
        run,
        { phase: 'running', resumption: null, attempts: 0, answeredInterrupt: null },
        { kind: 'phase', phase: 'running', note: step.note },
        nowMs,
      );
    case 'end':
      return end(run, step.ending, nowMs);
    default:
      return assertNever(step);
  }
}

/** The first event of every run. */
export function bornEvent(run: Run): RunEvent {
  return {
    runId: run.runId,
    seq: 1,
    atMs: run.createdAtMs,
    status: 'pending',
    change: { kind: 'phase', phase: 'queued' },
  };
}

/** The outward status that goes with a phase; `done` has its own. */
function statusIn(phase: RunPhase): RunStatus {
  return phase === 'interrupted' ? 'interrupted' : 'pending';
}

function interruptOf(run: Run): Json {
  return run.outcome?.kind === 'interrupt' ? run.outcome.payload : null;
}

function end(run: Run, ending: Ending, nowMs: number): Transition {
  const outcome: Outcome =
    ending.status === 'success'
      ? { kind: 'result', value: ending.value }
      : { kind: 'error', errcode: ending.errcode, description: ending.description };
  // The owner goes with the end: nobody drives the run any more, and recovery need not look at it.
  const ended: Run = {
    ...run,
    phase: 'done',
    status: ending.status,
    outcome,
    resumption: null,
    answeredInterrupt: null,
    owner: null,
    lastSeq: run.lastSeq + 1,
    version: run.version + 1,
    updatedAtMs: nowMs,
  };
  return { run: ended, events: [eventOf(ended, outcome, nowMs)] };
}

function silently(run: Run, fields: Partial<Run>, nowMs: number): Transition {
  return { run: changed(run, fields, run.lastSeq, nowMs), events: [] };
}

function visibly(run: Run, fields: Partial<Run>, change: Change, nowMs: number): Transition {
  const next = changed(run, fields, run.lastSeq + 1, nowMs);
  return { run: next, events: [eventOf(next, change, nowMs)] };
}

function changed(run: Run, fields: Partial<Run>, lastSeq: number, nowMs: number): Run {
  const phase = fields.phase ?? run.phase;
  return { ...run, ...fields, status: statusIn(phase), lastSeq, version: run.version + 1, updatedAtMs: nowMs };
}

function eventOf(run: Run, change: Change, atMs: number): RunEvent {
  return { runId: run.runId, seq: run.lastSeq, atMs, status: run.status, change };
}
