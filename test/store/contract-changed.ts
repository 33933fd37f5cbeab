import { describe, expect, test } from 'vitest';
import type { Run, RunPhase, RunStatus } from '../../src/contract/domain/run.ts';
import type { RunConditions, RunPlace, RunQuery } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { all } from './rows.ts';
import { makeRun, nextVersion } from './runs.ts';

const tenant = 'main';
const states: readonly (readonly [RunPhase, RunStatus, number | null])[] = [
  ['queued', 'pending', null],
  ['running', 'pending', null],
  ['interrupted', 'interrupted', null],
  ['done', 'success', null],
  ['done', 'error', 1000],
  ['done', 'error', 2001],
  ['done', 'timeout', 1001],
];

const errcodeOf = ({ outcome }: Run): number | null => (outcome?.kind === 'error' ? outcome.errcode : null);

/** What the contract says, word by word. */
function matches(
  run: Run,
  { agentId, agentIds, threadId, status, statuses, phases, ...conditions }: RunConditions,
): boolean {
  const { errcodes, notErrcodes, updatedAfterMs, metadata } = conditions;
  const errcode = errcodeOf(run);
  return (
    run.tenant === conditions.tenant &&
    (agentId === undefined || run.agentId === agentId) &&
    (agentIds === undefined || agentIds.includes(run.agentId)) &&
    (threadId === undefined || run.threadId === threadId) &&
    (status === undefined || run.status === status) &&
    (statuses === undefined || statuses.includes(run.status)) &&
    (phases === undefined || phases.includes(run.phase)) &&
    (errcodes === undefined || (errcode === null ? statuses !== undefined : errcodes.includes(errcode))) &&
    (notErrcodes === undefined || errcode === null || !notErrcodes.includes(errcode)) &&
    (updatedAfterMs === undefined || run.updatedAtMs > updatedAfterMs) &&
    (metadata === undefined || run.request.metadata?.part === metadata.part)
  );
}

const byChange = (a: Run, b: Run): number => b.updatedAtMs - a.updatedAtMs || (a.runId < b.runId ? 1 : -1);
const byCreation = (a: Run, b: Run): number => (a.runId < b.runId ? 1 : -1);

/** Several conditions at the same time, in all combinations that protocols use. */
const questions: readonly Partial<RunConditions>[] = [
  {},
  { agentId: 'agent-a' },
  { agentIds: ['agent-a', 'agent-c'] },
  { agentId: 'agent-b', agentIds: ['agent-a'] },
  { threadId: 'thread-1' },
  { threadId: 'thread-1', status: 'success', agentIds: ['agent-b'] },
  { threadId: null },
  { status: 'pending' },
  { statuses: ['success', 'interrupted'] },
  { statuses: ['error', 'timeout'], agentId: 'agent-b' },
  { statuses: [] },
  { phases: ['queued', 'starting'] },
  { phases: ['running', 'done'], agentId: 'agent-a' },
  { phases: ['interrupted'], threadId: null },
  { errcodes: [1000] },
  { errcodes: [1000], statuses: ['interrupted', 'error'] },
  { errcodes: [1000, 1001], statuses: ['success', 'timeout'], agentId: 'agent-a' },
  { errcodes: [1000], statuses: ['interrupted', 'error'], threadId: 'thread-1' },
  { status: 'error', notErrcodes: [1000, 1003] },
  { notErrcodes: [1000, 1001] },
  { updatedAfterMs: 5030 },
  { updatedAfterMs: 5030, status: 'success', agentId: 'agent-a' },
  { updatedAfterMs: 5030, threadId: 'thread-1' },
  { metadata: { part: 1 } },
  { metadata: { part: 1 }, statuses: ['pending', 'success'], agentId: 'agent-a' },
];

export function describeChanged(bench: () => Bench): void {
  /** Runs of all states, agents and threads; many were changed in the same millisecond. */
  async function insertAll(): Promise<readonly Run[]> {
    const runs = ['agent-a', 'agent-b', 'agent-c'].flatMap((agentId, a) =>
      states.flatMap(([phase, status, errcode], s) =>
        ['thread-1', null].flatMap((threadId, t) =>
          [0, 1].map((part) =>
            makeRun({
              ...{
                agentId,
                phase,
                status,
                threadId,
                createdAtMs: 5000,
                owner: phase === 'done' || part === 1 ? null : 'r1',
              },
              updatedAtMs: 5000 + ((a * 7 + s * 13 + t * 5 + part * 3) % 17) * 4,
              request: { input: {}, metadata: { part } },
              outcome: errcode === null ? null : { kind: 'error', errcode, description: 'a \u0000 b' },
            }),
          ),
        ),
      ),
    );
    const foreign = makeRun({
      tenant: 'other',
      agentId: 'agent-a',
      phase: 'done',
      status: 'success',
      updatedAtMs: 5060,
    });
    await Promise.all([...runs, foreign].map((run) => bench().store.insert(run, [])));
    return runs;
  }

  async function find(query: Partial<RunQuery>) {
    return await all(bench().store.search({ tenant, limit: 1000, offset: 0, ...query }));
  }

  const idsOf = (runs: readonly { readonly runId: string }[]): readonly string[] => runs.map(({ runId }) => runId);

  /** Page after page, by the place of the last run of each. */
  async function walk(
    query: Partial<RunQuery>,
    onPage: () => Promise<void> = async () => {},
  ): Promise<readonly string[]> {
    const found: string[] = [];
    for (let after: RunPlace | undefined; ; ) {
      const page = await find({ limit: 7, ...query, after });
      found.push(...idsOf(page));
      const last = page.at(-1);
      if (last === undefined) return found;
      after = { atMs: query.order === 'updated' ? last.updatedAtMs : last.createdAtMs, runId: last.runId };
      await onPage();
    }
  }

  describe('search by the last change', () => {
    test('every combination of conditions finds exactly its runs by the last change and by creation, and counts them', async () => {
      const runs = await insertAll();
      for (const question of questions) {
        const name = JSON.stringify(question);
        const expected = runs.filter((run) => matches(run, { tenant, ...question }));
        expect(idsOf(await find({ ...question, order: 'updated' })), name).toEqual(idsOf(expected.toSorted(byChange)));
        const found = await find(question);
        expect(idsOf(found), name).toEqual(idsOf(expected.toSorted(byCreation)));
        const codes = expected.toSorted(byCreation).map((run) => errcodeOf(run) ?? undefined);
        expect(
          found.map(({ errcode }) => errcode),
          name,
        ).toEqual(codes);
        expect(await bench().store.count({ tenant, ...question }), name).toBe(expected.length);
      }
    });

    test('pages by the place of the last run give every run once, in both orders, and so do offsets', async () => {
      const runs = await insertAll();
      expect(await walk({ order: 'updated' })).toEqual(idsOf(runs.toSorted(byChange)));
      expect(await walk({ order: 'created' })).toEqual(idsOf(runs.toSorted(byCreation)));
      const threaded = runs.filter(({ threadId }) => threadId === 'thread-1');
      expect(await walk({ order: 'updated', threadId: 'thread-1' })).toEqual(idsOf(threaded.toSorted(byChange)));
      const ended = runs.filter(({ phase }) => phase === 'done');
      expect(await walk({ order: 'updated', phases: ['done'] })).toEqual(idsOf(ended.toSorted(byChange)));
      const pages: string[] = [];
      for (let offset = 0; offset < runs.length; offset += 9) {
        pages.push(...idsOf(await find({ order: 'updated', limit: 9, offset })));
      }
      expect(pages).toEqual(idsOf(runs.toSorted(byChange)));
    });

    test('while runs change and are removed between two pages, no other run is left out or given twice', async () => {
      const { store } = bench();
      const runs = await insertAll();
      const live = runs.filter(({ phase }) => phase !== 'done').toSorted(byCreation);
      const ended = runs.filter(({ phase }) => phase === 'done').toSorted(byCreation);
      const touched = new Set<string>();
      let nowMs = 9000;
      const found = await walk({ order: 'updated' }, async () => {
        const [changed, finished, removed] = [live.pop(), live.shift(), ended.pop()];
        nowMs += 1;
        for (const run of [changed, finished]) {
          if (run === undefined) continue;
          touched.add(run.runId);
          const isOver = run === finished;
          const next = nextVersion(run, {
            ...{ updatedAtMs: nowMs, owner: isOver ? null : run.owner },
            ...(isOver ? { phase: 'done', status: 'success' } : {}),
          });
          expect(await store.update({ run: next, expectedVersion: 1, events: [] })).toBe(true);
        }
        if (removed === undefined) return;
        touched.add(removed.runId);
        expect(await store.remove(removed, 1)).toBe(true);
      });
      expect(touched.size).toBeGreaterThan(20);
      const untouched = runs.filter(({ runId }) => !touched.has(runId)).toSorted(byChange);
      expect(found.filter((id) => !touched.has(id))).toEqual(idsOf(untouched));
      expect(new Set(found).size).toBe(found.length);
    });

    test('a run that changes moves to the front, and one that ended stays where its end put it', async () => {
      const { store } = bench();
      const [first, second, third] = [1, 2, 3].map((n) => makeRun({ updatedAtMs: 1000 + n })) as [Run, Run, Run];
      for (const run of [first, second, third]) await store.insert(run, []);
      const ended = nextVersion(first, { phase: 'done', status: 'success', updatedAtMs: 2000 });
      await store.update({ run: ended, expectedVersion: 1, events: [] });
      expect(idsOf(await find({ order: 'updated' }))).toEqual(idsOf([first, third, second]));
      const noted = nextVersion(ended, { lastSeq: ended.lastSeq });
      await store.update({ run: noted, expectedVersion: 2, events: [] });
      await store.update({ run: nextVersion(second, { updatedAtMs: 3000 }), expectedVersion: 1, events: [] });
      expect(idsOf(await find({ order: 'updated' }))).toEqual(idsOf([second, first, third]));
      expect(idsOf(await find({ order: 'created' }))).toEqual(idsOf([third, second, first]));
    });

    test('a search by the last change goes past many runs that do not match, live and ended', async () => {
      const { store } = bench();
      const runs = Array.from({ length: 3000 }, (_, n) =>
        makeRun({
          ...{ updatedAtMs: 5000 + ((n * 7919) % 3000), request: { input: n, metadata: { part: n % 500 } } },
          ...(n % 2 === 0 ? { phase: 'done', status: 'success' } : { owner: `r${n % 5}` }),
        }),
      );
      await Promise.all(runs.map((run) => store.insert(run, [])));
      const expected = idsOf(runs.filter((run) => run.request.metadata?.part === 7).toSorted(byChange));
      const even = idsOf(runs.filter((run) => run.request.metadata?.part === 8).toSorted(byChange));
      expect(await walk({ order: 'updated', metadata: { part: 7 }, limit: 2 })).toEqual(expected);
      expect(await walk({ order: 'updated', metadata: { part: 8 }, limit: 2 })).toEqual(even);
      expect(await walk({ order: 'updated', limit: 400 })).toEqual(idsOf(runs.toSorted(byChange)));
      expect(await store.count({ tenant, metadata: { part: 7 } })).toBe(expected.length);
      expect(await store.count({ tenant })).toBe(3000);
    });
  });
}
