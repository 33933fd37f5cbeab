import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Batches } from '../../src/store/postgres/batches.ts';

const many = Array.from({ length: 20 }, (_, at) => `op ${at}`);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setImmediate', 'setTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function makeBatches() {
  const sent: number[] = [];
  const batches = new Batches<string, string>({
    keysOf: (op) => [op],
    send: async (ops) => {
      sent.push(ops.length);
      return ops;
    },
  });
  return { batches, sent };
}

test('operations among few go out at once, each turn in a statement of its own', async () => {
  const { batches, sent } = makeBatches();
  for (const op of ['a', 'b', 'c']) {
    const done = batches.submit(op);
    await vi.advanceTimersByTimeAsync(0);
    expect(await done).toBe(op);
  }
  expect(sent).toEqual([1, 1, 1]);
});

test('operations that follow many others are gathered over several turns, and each gets its own result', async () => {
  const { batches, sent } = makeBatches();
  const first = many.map((op) => batches.submit(op));
  await vi.advanceTimersByTimeAsync(0);
  expect(await Promise.all(first)).toEqual(many);
  const later: Promise<string>[] = [];
  for (const op of ['a', 'b', 'c']) {
    later.push(batches.submit(op));
    await vi.advanceTimersByTimeAsync(1);
  }
  expect(sent).toEqual([20]);
  await vi.advanceTimersByTimeAsync(20);
  expect(await Promise.all(later)).toEqual(['a', 'b', 'c']);
  expect(sent).toEqual([20, 3]);
});

test('a store that closes writes what was being gathered, and what waits for a row that is being written', async () => {
  const { batches, sent } = makeBatches();
  const first = many.map((op) => batches.submit(op));
  await vi.advanceTimersByTimeAsync(0);
  const later = ['same', 'same', 'same', 'same', 'same'].map((op) => batches.submit(op));
  await batches.close();
  await Promise.all([...first, ...later]);
  expect(sent).toEqual([20, 1, 1, 1, 1, 1]);
});
