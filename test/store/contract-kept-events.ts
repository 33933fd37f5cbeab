import { describe, expect, test } from 'vitest';
import type { Change, RunEvent } from '../../src/contract/domain/event.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import type { EventRewrite, Store } from '../../src/contract/store/store.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { measureTurns } from '../compute/held-turns.ts';
import type { Bench } from './contract.ts';
import { makeEvent, makeRun, nextVersion } from './runs.ts';
import { makeThread } from './threads.ts';

const busy = { status: 'busy', release: false } as const;
const value = { exact: readJson('9007199254740993'), list: ['\u0000', '\ud800', null] };
const mark = (seq: number) => ({ seq, fingerprint: 'sha256:0', chars: 9, atMs: 1 });

/** What is stored of events, and what is known of them without that. */
export function describeKeptEvents(bench: () => Bench): void {
  /** A new run, in a thread of its own or in none, with the event of its creation. */
  async function insert(inThread: boolean): Promise<Run> {
    const { store } = bench();
    const create = makeThread();
    const run = makeRun({ threadId: inThread ? create.threadId : null });
    const admission = inThread ? { create, refuseBusy: true } : undefined;
    await store.insert(run, [makeEvent(run)], undefined, admission);
    return run;
  }

  async function write(
    run: Run,
    difference: Partial<Run>,
    change: Change | null,
    rewrites?: readonly EventRewrite[],
  ): Promise<Run> {
    const seq = change === null ? run.lastSeq : run.lastSeq + 1;
    const next = nextVersion(run, { updatedAtMs: run.updatedAtMs + 10, ...difference, lastSeq: seq });
    const events = change === null ? [] : [makeEvent(next, change)];
    const thread = run.threadId === null ? {} : { thread: busy };
    expect(await bench().store.update({ run: next, expectedVersion: run.version, events, rewrites, ...thread })).toBe(
      true,
    );
    return next;
  }

  const start = (run: Run) =>
    write(run, { phase: 'running', startedAtMs: run.updatedAtMs + 10 }, { kind: 'phase', phase: 'running' });
  const partial = (run: Run, shown: unknown) =>
    write(
      run,
      { partial: mark(run.lastSeq + 1) },
      { kind: 'partial', value: shown as string },
      run.partial === undefined ? undefined : [{ seq: run.partial.seq, change: 'replaced' }],
    );
  const succeed = (run: Run, rewrites?: readonly EventRewrite[]) =>
    write(
      run,
      { phase: 'done', status: 'success', outcome: { kind: 'result', value } },
      { kind: 'result', value },
      rewrites,
    );

  /** All events, one by one, and after each of them: a reader gets the same however it reads. */
  async function readEvery(store: Store, run: Run): Promise<readonly RunEvent[]> {
    const all = await store.events(run.runId, 0, 100);
    for (let after = 0; after <= all.length; after += 1) {
      expect(await store.events(run.runId, after, 100)).toEqual(all.slice(after));
      expect(await store.events(run.runId, after, 2)).toEqual(all.slice(after, after + 2));
    }
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, at) => at + 1));
    return all;
  }
  const kindsOf = (events: readonly RunEvent[]) => events.map(({ change }) => change.kind);

  test('a run of several MiB is written and read in slices, and comes back as it was', async () => {
    const { store } = bench();
    const many = Array.from({ length: 40_000 }, (_, at) => ({ at, text: `"quoted" \\ é ${at}`, exact: value.exact }));
    const run = makeRun({ request: { input: many, metadata: { a: 1 } } });
    const { turnsMs } = await measureTurns(async () => {
      await store.insert(run, [makeEvent(run)]);
      const shown = await partial(await start(run), { list: many });
      const ended = await write(
        shown,
        { phase: 'done', status: 'success', outcome: { kind: 'result', value: many } },
        { kind: 'result', value: many },
      );
      expect(await store.find(run)).toEqual(ended);
      const events = await store.events(run.runId, 2, 10);
      expect(events.map(({ change }) => change)).toEqual([
        { kind: 'partial', value: { list: many } },
        { kind: 'result', value: many },
      ]);
    });
    // The comparisons above take most of the longest turns.
    expect(turnsMs.length).toBeGreaterThan(30);
  });

  describe.each([
    ['without a thread', false],
    ['of a thread', true],
  ])('what is kept of the events of a run %s', (name, inThread) => {
    const threadEvents = async (run: Run) =>
      inThread
        ? await bench().store.threads.threadEvents({
            ...{ tenant: run.tenant, threadId: run.threadId ?? '', afterSeq: 0, limit: 100 },
          })
        : [];

    test(`creation, start and end of a run ${name} come back as they were, also from another store`, async () => {
      const created = await insert(inThread);
      const started = await start(created);
      const ended = await succeed(started);
      const expected = [makeEvent(created), makeEvent(started), makeEvent(ended, { kind: 'result', value })];
      expect(await readEvery(bench().store, ended)).toEqual(expected);
      const again = await bench().reopen();
      expect(await readEvery(again, ended)).toEqual(expected);
    });

    test(`a failure of a run ${name} that was never started comes back as it was`, async () => {
      const created = await insert(inThread);
      const error = { kind: 'error', errcode: 1003, description: 'no' } as const;
      const ended = await write(created, { phase: 'done', status: 'error', outcome: error }, error);
      expect(await readEvery(bench().store, ended)).toEqual([makeEvent(created), makeEvent(ended, error)]);
    });

    test(`of the partial outputs of a run ${name} the last one is kept, and the others' numbers`, async () => {
      let run = await start(await insert(inThread));
      for (const shown of ['a', 'b', 'c', value]) run = await partial(run, shown);
      const events = await readEvery(bench().store, run);
      expect(kindsOf(events)).toEqual(['phase', 'phase', 'replaced', 'replaced', 'replaced', 'partial']);
      expect(events.at(-1)?.change).toEqual({ kind: 'partial', value });
      if (inThread) expect(kindsOf(await threadEvents(run))).toEqual(['phase', 'phase', 'partial']);
      const ended = await succeed(run, [{ seq: 6, change: 'same as result' }]);
      const after = await readEvery(bench().store, ended);
      expect(kindsOf(after)).toEqual(['phase', 'phase', 'replaced', 'replaced', 'replaced', 'partial', 'result']);
      expect(after.at(-2)).toEqual(events.at(-1));
      if (inThread)
        expect((await threadEvents(run)).slice(-2).map(({ change }) => change)).toEqual(
          after.slice(-2).map(({ change }) => change),
        );
    });

    test(`an interrupt of a run ${name} keeps its payload, and its answer is kept with the event that follows`, async () => {
      const running = await partial(await start(await insert(inThread)), 'half');
      const outcome = { kind: 'interrupt', payload: value } as const;
      const asked = await write(running, { phase: 'interrupted', status: 'interrupted', outcome }, outcome);
      const before = await readEvery(bench().store, asked);
      expect(before.at(-1)?.change).toEqual(outcome);
      if (inThread) expect((await threadEvents(asked)).at(-1)?.change).toEqual(outcome);
      const resumed = { phase: 'resuming', status: 'pending', outcome: null } as const;
      const answer = { payload: value, extra: { said: value } };
      const going = { kind: 'phase', phase: 'resuming', answer } as const;
      const left = await write(asked, resumed, going, [{ seq: 4, change: outcome }]);
      const after = await readEvery(bench().store, left);
      expect(after.slice(0, 4)).toEqual(before);
      expect(after.slice(4).map(({ change }) => change)).toEqual([going]);
      if (inThread) expect((await threadEvents(left)).slice(-2).map(({ change }) => change)).toEqual([outcome, going]);
    });

    test(`a refused update of a run ${name} rewrites no event`, async () => {
      const run = await partial(await start(await insert(inThread)), 'kept');
      const next = nextVersion(run, { partial: mark(4) });
      const rewrites = [{ seq: 3, change: 'replaced' }] as const;
      const update = { run: next, expectedVersion: 77, events: [], rewrites };
      expect(await bench().store.update(update)).toBe(false);
      expect((await bench().store.events(run.runId, 2, 9)).map(({ change }) => change)).toEqual([
        { kind: 'partial', value: 'kept' },
      ]);
    });
  });
}
