import type { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/store/sqlite/database.ts';
import type { Statements } from '../../src/store/sqlite/sqlite-statements.ts';
import { prepareStatements } from '../../src/store/sqlite/sqlite-statements.ts';
import { newestFirst, selectThreadIds } from '../../src/store/sqlite/thread-selection.ts';

let database: DatabaseSync;
let statements: Statements;

beforeAll(() => {
  database = openDatabase(':memory:', 'full');
  statements = prepareStatements(database);
});

afterAll(() => database.close());

function explain(sql: string): string {
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
  return plan.map(({ detail }) => String(detail)).join('\n');
}

describe('the plans of a SQLite store for threads', () => {
  test.each<keyof Statements>([
    ...(['findThread', 'placeOfThread', 'hasLiveRun', 'updateThread', 'updateState', 'updateMetadata'] as const),
    ...([
      'joinThread',
      'findMetadata',
      'affectThread',
      'passThread',
      'leaveThread',
      'holdsThread',
      'acquireThread',
      'copyThread',
    ] as const),
    ...(['copyState', 'copyCheckpoint', 'checkpointsOf', 'history', 'checkpointById'] as const),
    ...(['placeOfCheckpoint', 'checkpointAt', 'checkpointHeadAt', 'findThreadHead'] as const),
    ...(['checkpointByRun', 'removeThread', 'removeState', 'removeCheckpoints', 'removeRequestsOf'] as const),
    ...(['removeEventsOf', 'uncountRunsOf', 'removeRunsOf', 'firstLiveSeq'] as const),
  ])('the statement %s finds its rows by an index, without a scan or a sort', (name) => {
    const steps = explain(statements[name].sourceSQL);
    expect(steps).toMatch(/SEARCH/);
    expect(steps).not.toMatch(/SCAN|TEMP B-TREE/);
  });

  test.each<keyof Statements>(['hasLiveRun', 'affectThread', 'leaveThread'])(
    'the statement %s reads only the live runs of the thread',
    (name) => {
      expect(explain(statements[name].sourceSQL)).toMatch(/runs_live_by_thread \(tenant=\? AND thread_id=\?\)/);
    },
  );

  test('the events of a thread are read off an index, in its order', () => {
    const steps = explain(statements.threadEvents.sourceSQL);
    expect(steps).toMatch(/SEARCH events USING INDEX events_by_thread \(thread_id=\? AND thread_seq>\?\)/);
    expect(steps).not.toMatch(/SCAN (events|runs)|TEMP B-TREE/);
  });

  const tests = { text: 'threads.agent_id = ?', values: ['a'] };
  const after = { place: 5, thread_id: 't' };
  const oldestChange = { by: 'updatedAt', isAscending: true } as const;
  test.each([
    [{}, { tests: null }, /threads_newest \(tenant=\?\)/],
    [{}, { tests, after }, /threads_newest \(tenant=\? AND \(created_at_ms,thread_id\)<\(\?,\?\)\)/],
    [{ status: 'busy' }, { tests: null }, /threads_by_status \(tenant=\? AND status=\?\)/],
    [
      { status: 'busy' },
      { tests, after },
      /threads_by_status \(tenant=\? AND status=\? AND \(created_at_ms,thread_id\)</,
    ],
    [{}, { tests: null, sort: { by: 'updatedAt', isAscending: false } }, /threads_by_update \(tenant=\?\)/],
    [
      { status: 'busy' },
      { tests, after, sort: oldestChange },
      /threads_by_update \(tenant=\? AND \(updated_at_ms,thread_id\)>\(\?,\?\)\)/,
    ],
  ] as const)('a search for threads by %j walks an index in order (%#)', (filter, page, index) => {
    const query = { tenant: 'main', ...filter };
    const steps = explain(selectThreadIds(query, { sort: newestFirst, limit: 10, offset: 0, ...page }).text);
    expect(steps).toMatch(index);
    expect(steps).not.toMatch(/SCAN|TEMP B-TREE/);
  });
});
