import { expect, test } from 'vitest';
import { type RunPhase, runPhases } from '../../src/contract/domain/run.ts';
import { applyTransition, type RunTransition } from '../../src/engine/state/state-machine.ts';
import { makeRun } from '../store/runs.ts';
import { readCode, readSection, readTable } from './markdown.ts';
import { blocks } from './markdown-blocks.ts';
import { readPage } from './pages.ts';

/** One of each kind; the compiler refuses a table that lacks a kind. */
const transitions: { readonly [Kind in RunTransition['kind']]: Extract<RunTransition, { readonly kind: Kind }> } = {
  begin: { kind: 'begin' },
  postpone: { kind: 'postpone' },
  scheduled: { kind: 'scheduled', session: { agentId: 'a', upstream: { runId: 'r' } } },
  started: { kind: 'started', upstream: { runId: 'r' } },
  named: { kind: 'named', upstream: { runId: 'r' } },
  partial: { kind: 'partial', value: 1, digest: { fingerprint: '1', chars: 1 } },
  interrupt: { kind: 'interrupt', payload: {} },
  clear: { kind: 'clear' },
  forget: { kind: 'forget' },
  resume: { kind: 'resume', answer: { payload: {} }, taken: { fingerprint: '{}' } },
  deliver: { kind: 'deliver' },
  redeliver: { kind: 'redeliver' },
  delivered: { kind: 'delivered' },
  undelivered: { kind: 'undelivered', note: 'unknown' },
  wait: { kind: 'wait', waiting: { cause: 'budget', retryAtMs: null }, note: 'waiting' },
  evaluate: { kind: 'evaluate' },
  evaluated: { kind: 'evaluated' },
  end: { kind: 'end', outcome: { status: 'success', value: 1 } },
};

const live = runPhases.filter((phase) => phase !== 'done');

/** What the state machine makes of a transition in a phase. */
function apply(kind: RunTransition['kind'], phase: RunPhase) {
  return applyTransition(makeRun({ phase }), transitions[kind], 1);
}

test('the transitions in the architecture page are those of the state machine, with their phases and events', () => {
  const table = readTable(readSection(readPage('docs/architecture.md'), 'The state machine'), 'transition');
  const rows = table.map(([kind = '', from = '', to = '', event]) => [
    readCode(kind)[0],
    from === 'every phase but `done`' ? live : readCode(from),
    readCode(to),
    event,
  ]);
  const kinds = Object.keys(transitions) as readonly RunTransition['kind'][];
  const actual = kinds.map((kind) => {
    const from = runPhases.filter((phase) => apply(kind, phase) !== null);
    const applied = from.flatMap((phase) => apply(kind, phase) ?? []);
    const to = [...new Set(applied.map(({ run }) => run.phase))];
    return [kind, from, to, applied.every(({ events }) => events.length === 1) ? 'yes' : 'no'];
  });
  expect(rows.toSorted()).toEqual(actual.toSorted());
});

test('the diagram of the phases draws every change of phase that the state machine allows, and no other', () => {
  const [diagram] = blocks.filter(({ page, language }) => page === 'docs/concepts.md' && language === 'mermaid');
  const drawn = [...(diagram?.text ?? '').matchAll(/^ +(\w+) --> (\w+):/gm)].map(([, from, to]) => `${from} to ${to}`);
  const kinds = Object.keys(transitions) as readonly RunTransition['kind'][];
  const allowed = live.flatMap((from) =>
    kinds.flatMap((kind) => {
      const to = apply(kind, from)?.run.phase;
      return to === undefined || to === from ? [] : [`${from} to ${to}`];
    }),
  );
  expect([...new Set(drawn)].toSorted()).toEqual([...new Set(allowed)].toSorted());
});
