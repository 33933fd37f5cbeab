import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createProgram, ThreadPool } from '../../src/compute/thread-pool.ts';

const module = new URL('./programs.ts', import.meta.url).href;
const program = (definition: string) => createProgram(module, definition);
const createPool = () => new ThreadPool({ maxThreads: 2, maxHeapMb: 32, largeHeapMb: 96, idleMs: 60_000 });
const options = (key: object = {}) => ({ key, timeMs: 200 });

describe('a pool of threads', () => {
  test.each([
    ['that is done', 'echo', { kind: 'done', text: 'a' }],
    ['that never ends', 'hang', { kind: 'overdue' }],
    ['that takes all memory', 'hoard', { kind: 'exhausted' }],
    ['that leaves', 'leave', { kind: 'failed', reason: 'the thread ended' }],
    ['that throws', 'fail', { kind: 'failed', reason: 'it fails' }],
    ['of a program that cannot be prepared', 'none', { kind: 'failed', reason: 'no such program' }],
  ])('says how a task ended %s, and takes the next', async (_name, definition, result) => {
    const pool = createPool();
    // Memory fills up more slowly where others work too.
    expect(
      await pool.run(program(definition), 'a', { key: {}, timeMs: definition === 'hoard' ? 20_000 : 200 }),
    ).toEqual(result);
    expect(await pool.run(program('echo'), 'b', options())).toEqual({ kind: 'done', text: 'b' });
  });

  test('counts the time of a task from when a thread begins it', async () => {
    const pool = createPool();
    const key = {};
    const [hang, echo] = [program('hang'), program('echo')];
    const hanging = Array.from({ length: 4 }, () => pool.run(hang, '', options(key)));
    const waiting = await pool.run(echo, 'late', options(key));
    expect(waiting).toEqual({ kind: 'done', text: 'late' });
    expect((await Promise.all(hanging)).map(({ kind }) => kind)).toEqual(Array.from({ length: 4 }, () => 'overdue'));
  });

  test('never gives one key all threads, and lets keys take turns', async () => {
    const pool = createPool();
    const order: string[] = [];
    const run = (definition: string, key: object, name: string) =>
      pool.run(program(definition), name, options(key)).then(() => order.push(name));
    const [greedy, modest] = [{}, {}];
    const all = [1, 2, 3].map((n) => run('hang', greedy, `greedy ${n}`));
    all.push(run('echo', modest, 'modest 1'), run('echo', modest, 'modest 2'));
    await Promise.all(all);
    expect(order.indexOf('modest 2')).toBeLessThan(order.indexOf('greedy 2'));
  });

  test('a task that a small heap is not enough for is done in the thread that has a large one', async () => {
    const pool = createPool();
    const patient = { key: {}, timeMs: 20_000 };
    expect(await pool.run(program('fill'), 'a', patient)).toEqual({ kind: 'done', text: '600000' });
    const small = new ThreadPool({ maxThreads: 2, maxHeapMb: 32, largeHeapMb: 32, idleMs: 60_000 });
    expect(await small.run(program('fill'), 'a', patient)).toEqual({ kind: 'exhausted' });
  });

  test('large tasks run one at a time, whatever their keys, and small ones do not wait for them', async () => {
    const pool = createPool();
    const large = 'x'.repeat(1_100_000);
    const order: string[] = [];
    const run = (definition: string, input: string, name: string) =>
      pool.run(program(definition), input, options()).then(() => order.push(name));
    await Promise.all([
      run('hang', large, 'hanging'),
      run('hang', large, 'hanging too'),
      run('echo', large, 'large'),
      run('echo', 'a', 'small'),
    ]);
    expect(order).toEqual(['small', 'hanging', 'hanging too', 'large']);
  });

  test('ends a thread that has nothing to do, and makes another one when needed', async () => {
    const pool = new ThreadPool({ maxThreads: 2, maxHeapMb: 64, largeHeapMb: 64, idleMs: 1 });
    const echo = program('echo');
    for (const text of ['a', 'b', 'c']) {
      expect(await pool.run(echo, text, options())).toEqual({ kind: 'done', text });
      await sleep(30);
    }
  });
});
