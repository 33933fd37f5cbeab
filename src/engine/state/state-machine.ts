import { type Digest, shortenCanonical } from '../../compute/fingerprint.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Change, GivenAnswer, RunEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type {
  Outcome,
  Question,
  Resumption,
  Run,
  RunPhase,
  RunStatus,
  TakenAnswer,
  UpstreamRef,
} from '../../contract/domain/run.ts';
import type { Session } from '../../contract/domain/thread.ts';
import type { Waiting } from '../../contract/domain/waiting.ts';
import { boundText, maxDescriptionLength } from '../../json/bound-text.ts';
import { canonicalJson } from '../../json/canonical-json.ts';

/** How a run ends; `vendor` is what is kept of the vendor's terminal answer, `cost` what it says that the run cost. */
export type RunOutcome = { readonly vendor?: JsonObject; readonly cost?: number | undefined } & (
  | { readonly status: 'success'; readonly value: Json }
  | { readonly status: 'error' | 'timeout'; readonly errcode: number; readonly description: string }
);

/** Everything that can happen to a run; docs/concepts.md has the picture. */
export type RunTransition =
  /** About to ask the vendor to start; `backend` where the agent has several. */
  | { readonly kind: 'begin'; readonly backend?: string | undefined }
  /** The vendor was not asked, or asked for a later retry. `mayMove`: no backend can have the run, so any may start it. */
  | { readonly kind: 'postpone'; readonly mayMove?: boolean }
  | { readonly kind: 'started'; readonly upstream: UpstreamRef; readonly session?: Session }
  /** The vendor's call named a run while the start was not settled. */
  | { readonly kind: 'named'; readonly upstream: UpstreamRef }
  /** The thread has its session now, which has not been sent the run's input yet. */
  | { readonly kind: 'scheduled'; readonly session: Session }
  | { readonly kind: 'partial'; readonly value: Json; readonly digest: Digest }
  | { readonly kind: 'interrupt'; readonly payload: Json; readonly asked?: Question }
  /** The vendor went on without us. */
  | { readonly kind: 'clear' }
  /** The vendor's run has changed since the answer, so that an equal interrupt is a new one. */
  | { readonly kind: 'forget' }
  | { readonly kind: 'resume'; readonly answer: GivenAnswer; readonly taken: Pick<TakenAnswer, 'mark' | 'fingerprint'> }
  /** About to send the accepted payload. */
  | { readonly kind: 'deliver' }
  | { readonly kind: 'redeliver' }
  /** `upstream`: the vendor goes on in a new run. */
  | { readonly kind: 'delivered'; readonly upstream?: UpstreamRef }
  /** The payload did not arrive, or its fate is unknown: the vendor's next answer decides, and may interrupt again. */
  | { readonly kind: 'undelivered'; readonly note: string }
  /** The run waits for something, or no longer: null. An event is left out where its cause is no news. */
  | { readonly kind: 'wait'; readonly waiting: Waiting | null; readonly note: string | null }
  /** About to evaluate the mapping of a recovered run: the process may not live to record what comes of it. */
  | { readonly kind: 'evaluate' }
  /** The process lived. Every other transition says so too. */
  | { readonly kind: 'evaluated' }
  /** `session`: the thread's session after it; left out, it stays. */
  | {
      readonly kind: 'end';
      readonly outcome: RunOutcome;
      readonly session?: Session | null;
      /** The result is the last partial output. */
      readonly repeatsPartial?: boolean;
    };

export type AppliedTransition = { readonly run: Run; readonly events: readonly RunEvent[] };

const live: readonly RunPhase[] = ['queued', 'starting', 'running', 'interrupted', 'resuming', 'delivering'];

/** What a start that is settled leaves behind. */
const settled = { startSentAtMs: undefined, named: undefined } as const;

/** The phases that allow a transition; `end` is allowed in all but `done`. */
const allowedFrom: Readonly<Record<Exclude<RunTransition['kind'], 'end'>, readonly RunPhase[]>> = {
  begin: ['queued', 'starting'],
  postpone: ['starting'],
  started: ['starting'],
  named: ['starting'],
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
  // An event between an interrupt and its answer would come between what protocols count as adjacent.
  wait: ['queued', 'starting', 'running', 'resuming'],
  evaluate: live,
  evaluated: live,
};

/**
 * The state machine of a run: pure. Null when the run's phase does not allow the transition; a run that is done allows
 * none, so that a late success never reverts a cancellation or a deadline.
 */
export function applyTransition(run: Run, transition: RunTransition, nowMs: number): AppliedTransition | null {
  if (run.phase === 'done') return null;
  if (transition.kind !== 'end' && !allowedFrom[transition.kind].includes(run.phase)) return null;
  switch (transition.kind) {
    case 'begin':
      return withoutEvent(
        run,
        {
          phase: 'starting',
          startSentAtMs: run.startSentAtMs ?? nowMs,
          backend: transition.backend ?? run.backend,
        },
        nowMs,
      );
    case 'postpone':
      return withoutEvent(
        run,
        {
          phase: 'queued',
          attempts: run.attempts + 1,
          backend: transition.mayMove === true ? undefined : run.backend,
          ...settled,
        },
        nowMs,
      );
    case 'scheduled':
      return withoutEvent(run, { phase: 'queued', attempts: 0, ...settled }, nowMs);
    case 'named':
      return withoutEvent(run, { named: transition.upstream }, nowMs);
    case 'started':
      return withEvent(
        run,
        { phase: 'running', upstream: transition.upstream, attempts: 0, startedAtMs: nowMs, ...settled },
        { kind: 'phase', phase: 'running' },
        nowMs,
      );
    case 'partial': {
      const { value, digest } = transition;
      const partial = { seq: run.lastSeq + 1, ...digest, atMs: nowMs };
      return withEvent(run, { partial }, { kind: 'partial', value }, nowMs);
    }
    case 'interrupt':
      return withEvent(
        run,
        {
          ...unanswered,
          phase: 'interrupted',
          outcome: { kind: 'interrupt', payload: transition.payload },
          asked: transition.asked,
        },
        { kind: 'interrupt', payload: transition.payload },
        nowMs,
      );
    case 'clear':
      return withEvent(
        run,
        { ...unanswered, phase: 'running', outcome: null },
        { kind: 'phase', phase: 'running' },
        nowMs,
      );
    case 'forget':
      return withoutEvent(run, unanswered, nowMs);
    case 'resume':
      return withEvent(
        run,
        {
          phase: 'resuming',
          outcome: null,
          attempts: 0,
          resumption: { payload: transition.answer.payload, interrupt: interruptOf(run) },
          answers: [...(run.answers ?? []), { ...transition.taken, questionSeq: run.lastSeq }].slice(-maxAnswers),
        },
        { kind: 'phase', phase: 'resuming', answer: transition.answer },
        nowMs,
      );
    case 'deliver':
      return withoutEvent(run, { phase: 'delivering' }, nowMs);
    case 'redeliver':
      return withoutEvent(run, { phase: 'resuming', attempts: run.attempts + 1 }, nowMs);
    case 'delivered':
      return withEvent(
        run,
        {
          phase: 'running',
          resumption: null,
          attempts: 0,
          ...(transition.upstream === undefined
            ? {
                answeredInterrupt:
                  run.resumption === null ? null : (run.asked?.payload ?? fingerprintOf(run.resumption)),
                answeredAtMs: nowMs,
              }
            : // What a new run asks, it asks for the first time.
              { ...unanswered, upstream: transition.upstream }),
        },
        { kind: 'phase', phase: 'running' },
        nowMs,
      );
    case 'undelivered':
      return withEvent(
        run,
        { ...unanswered, phase: 'running', resumption: null, attempts: 0, answers: withoutDelivery(run.answers) },
        { kind: 'phase', phase: 'running', note: boundText(transition.note, maxDescriptionLength) },
        nowMs,
      );
    case 'wait': {
      const { waiting, note } = transition;
      // It is recorded by another than the run's loop, which may be in the middle of an evaluation.
      const fields = { waiting: waiting ?? undefined, evaluations: run.evaluations };
      if (waiting === null || note === null) return withoutEvent(run, fields, nowMs);
      return withEvent(run, fields, { kind: 'phase', phase: run.phase, note, waiting: waiting.cause }, nowMs);
    }
    case 'evaluate':
      return withoutEvent(run, { evaluations: (run.evaluations ?? 0) + 1 }, nowMs);
    case 'evaluated':
      return withoutEvent(run, {}, nowMs);
    case 'end':
      return end(run, transition.outcome, nowMs);
    default:
      return assertNever(transition);
  }
}

/** The first event of every run. */
export function createdEvent(run: Run): RunEvent {
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

/** Of one run. An older answer that comes again is one to a run that does not ask. */
const maxAnswers = 32;

/** The last answer is that of the delivery under way. */
function withoutDelivery(answers: Run['answers']): Run['answers'] {
  const last = answers?.at(-1);
  return last === undefined ? answers : [...(answers ?? []).slice(0, -1), { ...last, isUndelivered: true }];
}

/** No interrupt waits for the end of its echo. */
const unanswered = { asked: undefined, answeredInterrupt: null, answeredAtMs: undefined } as const;

/** Of an interrupt that an earlier version recorded. */
function fingerprintOf({ interrupt }: Resumption): string {
  return shortenCanonical(canonicalJson(interrupt));
}

function interruptOf(run: Run): Json {
  return run.outcome?.kind === 'interrupt' ? run.outcome.payload : null;
}

function end(run: Run, outcome: RunOutcome, nowMs: number): AppliedTransition {
  const recorded: Outcome =
    outcome.status === 'success'
      ? { kind: 'result', value: outcome.value }
      : { kind: 'error', errcode: outcome.errcode, description: boundText(outcome.description, maxDescriptionLength) };
  // The run has no owner after its end: no loop works on it, and recovery need not consider it.
  const ended: Run = {
    ...run,
    phase: 'done',
    status: outcome.status,
    outcome: recorded,
    vendor: run.upstream === null && outcome.vendor === undefined ? undefined : { ...run.upstream, ...outcome.vendor },
    cost: outcome.cost,
    ...settled,
    resumption: null,
    ...unanswered,
    partialAnswers: undefined,
    evaluations: undefined,
    waiting: undefined,
    owner: null,
    lastSeq: run.lastSeq + 1,
    version: run.version + 1,
    updatedAtMs: nowMs,
  };
  return { run: ended, events: [eventOf(ended, recorded, nowMs)] };
}

function withoutEvent(run: Run, fields: Partial<Run>, nowMs: number): AppliedTransition {
  return { run: changed(run, fields, run.lastSeq, nowMs), events: [] };
}

function withEvent(run: Run, fields: Partial<Run>, change: Change, nowMs: number): AppliedTransition {
  const next = changed(run, fields, run.lastSeq + 1, nowMs);
  return { run: next, events: [eventOf(next, change, nowMs)] };
}

function changed(run: Run, fields: Partial<Run>, lastSeq: number, nowMs: number): Run {
  const phase = fields.phase ?? run.phase;
  const at = { lastSeq, version: run.version + 1, updatedAtMs: nowMs };
  // Answers are for the questions that are open.
  const partialAnswers = phase === 'interrupted' ? run.partialAnswers : undefined;
  const gone = { partialAnswers, evaluations: undefined, waiting: undefined };
  return { ...run, ...gone, ...fields, status: statusIn(phase), ...at };
}

function eventOf(run: Run, change: Change, atMs: number): RunEvent {
  return { runId: run.runId, seq: run.lastSeq, atMs, status: run.status, change };
}
