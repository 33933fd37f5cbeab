import { describe, expect, test } from 'vitest';
import type { Run, RunPhase } from '../../src/contract/domain/run.ts';
import { runPhases } from '../../src/contract/domain/run.ts';
import { applyTransition, createdEvent, type RunTransition } from '../../src/engine/state/state-machine.ts';

const upstream = { runId: 'vendor-1' };
const interrupted = { kind: 'interrupt', payload: { question: 'go?' } } as const;

function runIn(phase: RunPhase): Run {
  return {
    runId: '0198c5a0-0000-7000-8000-000000000001',
    tenant: 'default',
    agentId: '00000000-0000-5000-8000-000000000001',
    agentName: 'echo',
    threadId: null,
    request: { input: { a: 1 } },
    phase,
    status: phase === 'interrupted' ? 'interrupted' : phase === 'done' ? 'error' : 'pending',
    upstream: phase === 'queued' || phase === 'starting' ? null : upstream,
    outcome: phase === 'interrupted' ? interrupted : null,
    resumption: phase === 'resuming' || phase === 'delivering' ? { payload: 1, interrupt: { b: 1, a: 2 } } : null,
    answeredInterrupt: null,
    attempts: 3,
    lastSeq: 4,
    version: 7,
    owner: 'me',
    createdAtMs: 1000,
    updatedAtMs: 1000,
    startedAtMs: null,
    deadlineAtMs: 9000,
  };
}

const steps: Readonly<Record<RunTransition['kind'], RunTransition>> = {
  begin: { kind: 'begin' },
  postpone: { kind: 'postpone' },
  started: { kind: 'started', upstream },
  named: { kind: 'named', upstream },
  scheduled: { kind: 'scheduled', session: { agentId: 'agent-1', upstream } },
  partial: { kind: 'partial', value: [1], digest: { fingerprint: '[1]', chars: 3 } },
  interrupt: { kind: 'interrupt', payload: 'p' },
  clear: { kind: 'clear' },
  forget: { kind: 'forget' },
  resume: { kind: 'resume', answer: { payload: 'yes' }, taken: { mark: 'm-1', fingerprint: '"yes"' } },
  deliver: { kind: 'deliver' },
  redeliver: { kind: 'redeliver' },
  delivered: { kind: 'delivered' },
  undelivered: { kind: 'undelivered', note: 'why' },
  wait: { kind: 'wait', waiting: { cause: 'budget', retryAtMs: 5000 }, note: 'waits' },
  evaluate: { kind: 'evaluate' },
  evaluated: { kind: 'evaluated' },
  end: { kind: 'end', outcome: { status: 'success', value: 1 } },
};

/** The whole machine as a table: phase, transition, next phase. Everything else is refused. */
const table: readonly (readonly [RunPhase, RunTransition['kind'], RunPhase])[] = [
  ['queued', 'begin', 'starting'],
  ['starting', 'begin', 'starting'],
  ['starting', 'postpone', 'queued'],
  ['starting', 'started', 'running'],
  ['starting', 'named', 'starting'],
  ['starting', 'scheduled', 'queued'],
  ['running', 'partial', 'running'],
  ['running', 'interrupt', 'interrupted'],
  ['running', 'forget', 'running'],
  ['interrupted', 'clear', 'running'],
  ['interrupted', 'resume', 'resuming'],
  ['resuming', 'deliver', 'delivering'],
  ['resuming', 'undelivered', 'running'],
  ['delivering', 'deliver', 'delivering'],
  ['delivering', 'redeliver', 'resuming'],
  ['delivering', 'delivered', 'running'],
  ['delivering', 'undelivered', 'running'],
  ['queued', 'wait', 'queued'],
  ['starting', 'wait', 'starting'],
  ['running', 'wait', 'running'],
  ['resuming', 'wait', 'resuming'],
  ...runPhases
    .filter((phase) => phase !== 'done')
    .flatMap((phase) => [
      [phase, 'evaluate', phase] as const,
      [phase, 'evaluated', phase] as const,
      [phase, 'end', 'done'] as const,
    ]),
];

describe('the state machine of a run', () => {
  test.each(runPhases)('a run in phase %s allows only the transitions of the table', (phase) => {
    const taken = Object.values(steps).flatMap((transition) => {
      const applied = applyTransition(runIn(phase), transition, 2000);
      return applied === null ? [] : [[phase, transition.kind, applied.run.phase]];
    });
    expect(new Set(taken.map(String))).toEqual(new Set(table.filter(([from]) => from === phase).map(String)));
  });

  test.each(table)(
    'a run in phase %s that takes %s has the next version, gapless events and the fitting status',
    (phase, kind) => {
      const before = runIn(phase);
      const applied = applyTransition(before, steps[kind], 2000);
      if (applied === null) throw new Error('refused');
      const { run, events } = applied;
      expect(run.version).toBe(before.version + 1);
      expect(run.updatedAtMs).toBe(2000);
      expect(events.map((event) => event.seq)).toEqual(run.lastSeq === before.lastSeq ? [] : [before.lastSeq + 1]);
      for (const event of events) expect(event).toMatchObject({ runId: run.runId, atMs: 2000, status: run.status });
      const expected = run.phase === 'done' ? 'success' : run.phase === 'interrupted' ? 'interrupted' : 'pending';
      expect(run.status).toBe(expected);
    },
  );

  test('a run that has ended does not change', () => {
    const cancelled = applyTransition(
      runIn('running'),
      { kind: 'end', outcome: { status: 'error', errcode: 1000, description: 'the run was cancelled' } },
      2000,
    );
    if (cancelled === null) throw new Error('refused');
    expect(applyTransition(cancelled.run, steps.end, 3000)).toBeNull();
    expect(cancelled.run).toMatchObject({ status: 'error', owner: null, outcome: { kind: 'error', errcode: 1000 } });
  });

  test('the answered interrupt of a run is remembered in canonical form, whatever the order of its keys', () => {
    const delivered = applyTransition(runIn('delivering'), steps.delivered, 2000);
    expect(delivered?.run.answeredInterrupt).toBe('{"a":2,"b":1}');
    const asked = { payload: 'sha256:0', sighting: 'sha256:1' };
    const known = applyTransition({ ...runIn('delivering'), asked }, steps.delivered, 2000);
    expect(known?.run).toMatchObject({ answeredInterrupt: 'sha256:0', answeredAtMs: 2000, asked });
    expect(applyTransition(runIn('delivering'), steps.undelivered, 2000)?.run.answeredInterrupt).toBeNull();
  });

  test('a recorded wait leaves the count of evaluations, and any other transition ends it', () => {
    const before = { ...runIn('running'), evaluations: 2 };
    const waits = applyTransition(before, steps.wait, 2000)?.run;
    expect(waits).toMatchObject({ evaluations: 2, waiting: { cause: 'budget' } });
    if (waits === undefined) throw new Error('refused');
    for (const kind of ['partial', 'interrupt', 'forget', 'evaluated', 'end'] as const)
      expect(applyTransition(waits, steps[kind], 3000)?.run.waiting).toBeUndefined();
    const over = applyTransition(waits, { kind: 'wait', waiting: null, note: null }, 3000);
    expect([over?.run.waiting, over?.run.evaluations, over?.events]).toEqual([undefined, 2, []]);
  });

  test('a resumption keeps its payload and the interrupt that it answers', () => {
    expect(applyTransition(runIn('interrupted'), steps.resume, 2000)?.run).toMatchObject({
      resumption: { payload: 'yes', interrupt: { question: 'go?' } },
      outcome: null,
      attempts: 0,
    });
  });
});

test('a run remembers its newest answers, and which of them did not reach the vendor', () => {
  let asked = runIn('interrupted');
  for (let at = 0; at < 40; at += 1) {
    const taken = { mark: `m-${at}`, fingerprint: `${at}` };
    const resumed = applyTransition(asked, { kind: 'resume', answer: { payload: at }, taken }, 2000)?.run;
    if (resumed === undefined) throw new Error('refused');
    asked = { ...resumed, phase: 'interrupted' };
  }
  const { answers = [] } = asked;
  expect(answers.map(({ mark }) => mark)).toEqual(Array.from({ length: 32 }, (_, at) => `m-${at + 8}`));
  expect(answers.map(({ questionSeq }) => questionSeq)).toEqual(Array.from({ length: 32 }, (_, at) => at + 12));
  const lost = applyTransition({ ...asked, phase: 'delivering' }, steps.undelivered, 2000)?.run;
  expect(lost?.answers?.filter((each) => each.isUndelivered)).toEqual([{ ...answers.at(-1), isUndelivered: true }]);
  expect(applyTransition(runIn('delivering'), steps.undelivered, 2000)?.run.answers).toBeUndefined();
});

test('a start that is sent again keeps the time at which it was sent first, and one that is settled leaves nothing behind', () => {
  const asked = { ...runIn('starting'), startSentAtMs: 1500, named: upstream };
  expect(applyTransition(asked, steps.begin, 2000)?.run).toMatchObject({ startSentAtMs: 1500, named: upstream });
  for (const step of [steps.started, steps.postpone, steps.scheduled, steps.end]) {
    expect(applyTransition(asked, step, 2000)?.run).toMatchObject({ startSentAtMs: undefined, named: undefined });
  }
});

const phaseEvent = (phase: RunPhase) => ({ kind: 'phase', phase });

/** What each transition writes: the fields that change besides phase, status and version, and the event. */
const written: readonly (readonly [RunPhase, RunTransition, object, object | null])[] = [
  ['queued', steps.begin, { startSentAtMs: 2000 }, null],
  ['starting', steps.named, { named: upstream }, null],
  ['starting', steps.postpone, { attempts: 4 }, null],
  ['starting', steps.scheduled, { attempts: 0 }, null],
  ['starting', steps.started, { upstream, attempts: 0, startedAtMs: 2000 }, phaseEvent('running')],
  [
    'running',
    steps.partial,
    { partial: { seq: 5, fingerprint: '[1]', chars: 3, atMs: 2000 } },
    { kind: 'partial', value: [1] },
  ],
  ['running', steps.interrupt, { outcome: { kind: 'interrupt', payload: 'p' } }, { kind: 'interrupt', payload: 'p' }],
  ['interrupted', steps.clear, { outcome: null }, phaseEvent('running')],
  [
    'interrupted',
    steps.resume,
    {
      outcome: null,
      attempts: 0,
      resumption: { payload: 'yes', interrupt: { question: 'go?' } },
      answers: [{ mark: 'm-1', fingerprint: '"yes"', questionSeq: 4 }],
    },
    { ...phaseEvent('resuming'), answer: { payload: 'yes' } },
  ],
  ['resuming', steps.deliver, {}, null],
  ['delivering', steps.redeliver, { attempts: 4 }, null],
  [
    'delivering',
    steps.delivered,
    { resumption: null, attempts: 0, answeredInterrupt: '{"a":2,"b":1}', answeredAtMs: 2000 },
    phaseEvent('running'),
  ],
  [
    'delivering',
    steps.undelivered,
    { resumption: null, attempts: 0 },
    { kind: 'phase', phase: 'running', note: 'why' },
  ],
  [
    'queued',
    steps.wait,
    { waiting: { cause: 'budget', retryAtMs: 5000 } },
    { kind: 'phase', phase: 'queued', note: 'waits', waiting: 'budget' },
  ],
  [
    'running',
    { kind: 'wait', waiting: { cause: 'budget', retryAtMs: null }, note: null },
    { waiting: { cause: 'budget', retryAtMs: null } },
    null,
  ],
  ['resuming', { kind: 'wait', waiting: null, note: null }, {}, null],
  ['running', steps.evaluate, { evaluations: 1 }, null],
  [
    'running',
    steps.end,
    { outcome: { kind: 'result', value: 1 }, vendor: upstream, owner: null },
    { kind: 'result', value: 1 },
  ],
  [
    'running',
    { kind: 'end', outcome: { status: 'success', value: 1, vendor: { code: 'c', runId: 'r' } } },
    { outcome: { kind: 'result', value: 1 }, vendor: { code: 'c', runId: 'r' }, owner: null },
    { kind: 'result', value: 1 },
  ],
  [
    'running',
    { kind: 'end', outcome: { status: 'error', errcode: 1100, description: 'no' } },
    { outcome: { kind: 'error', errcode: 1100, description: 'no' }, vendor: upstream, owner: null },
    { kind: 'error', errcode: 1100, description: 'no' },
  ],
];

test.each(written)(
  'in phase %s a transition %j writes exactly %j and the event %j',
  (phase, transition, fields, change) => {
    const run = runIn(phase);
    const applied = applyTransition(run, transition, 2000);
    if (applied === null) throw new Error('refused');
    const { phase: next, status, version, lastSeq, updatedAtMs, ...rest } = applied.run;
    const { phase: _phase, status: _status, version: _version, lastSeq: _seq, updatedAtMs: _at, ...before } = run;
    expect(rest).toEqual({ ...before, ...fields });
    expect([version, updatedAtMs, lastSeq]).toEqual([8, 2000, change === null ? 4 : 5]);
    const event = { runId: run.runId, seq: 5, atMs: 2000, status, change };
    expect(applied.events).toEqual(change === null ? [] : [event]);
    expect(next === 'done' ? change !== null : true).toBe(true);
  },
);

test('an evaluation of a run that was evaluated before is counted on', () => {
  const counted = applyTransition({ ...runIn('running'), evaluations: 2 }, steps.evaluate, 2000);
  expect(counted?.run.evaluations).toBe(3);
});

test('answers to some of the questions stay while the others are open, and no longer', () => {
  const asking = { ...runIn('interrupted'), partialAnswers: { size: 'M' } };
  for (const kind of ['evaluate', 'evaluated'] as const)
    expect(applyTransition(asking, { kind }, 2000)?.run.partialAnswers).toEqual({ size: 'M' });
  for (const kind of ['clear', 'resume', 'end'] as const)
    expect(applyTransition(asking, steps[kind], 2000)?.run.partialAnswers).toBeUndefined();
});

test('an answered interrupt is forgotten by the transition forget', () => {
  const asked = { payload: '"p"', sighting: '{}' };
  const answered = { ...runIn('running'), asked, answeredInterrupt: '"p"', answeredAtMs: 1500 };
  const forgotten = applyTransition(answered, steps.forget, 2000);
  expect(forgotten?.run).toMatchObject({ answeredInterrupt: null, answeredAtMs: undefined, asked: undefined });
});

test('a payload that is delivered without a resumption answers no interrupt', () => {
  const delivered = applyTransition({ ...runIn('delivering'), resumption: null }, steps.delivered, 2000);
  expect(delivered?.run.answeredInterrupt).toBeNull();
});

test.each([null, { kind: 'result', value: 1 } as const])(
  'a payload for a run whose outcome is %j resumes no interrupt',
  (outcome) => {
    const resumed = applyTransition({ ...runIn('interrupted'), outcome }, steps.resume, 2000);
    expect(resumed?.run.resumption).toEqual({ payload: 'yes', interrupt: null });
  },
);

test('the first event of a run says that it is queued', () => {
  const run = runIn('queued');
  expect(createdEvent(run)).toEqual({
    runId: run.runId,
    seq: 1,
    atMs: 1000,
    status: 'pending',
    change: { kind: 'phase', phase: 'queued' },
  });
});

test.each(['end', 'undelivered'] as const)('the words of a vendor with which a run takes "%s" are cut', (kind) => {
  const words = 'x'.repeat(3 * 1024 * 1024);
  const transition: RunTransition =
    kind === 'end' ? { kind, outcome: { status: 'error', errcode: 1003, description: words } } : { kind, note: words };
  const applied = applyTransition(runIn('delivering'), transition, 5000);
  expect(JSON.stringify(applied).length).toBeLessThan(6000);
  expect(JSON.stringify(applied?.events)).toContain('… (3145728 characters)');
});
