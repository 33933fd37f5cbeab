import { expect, test } from 'vitest';
import { nextTurn, Pacer, readLarge } from '../../src/compute/turns.ts';

test('of many tasks that wait for a turn of the event loop, one goes on in each', async () => {
  const resumed: number[] = [];
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const tasks = Array.from({ length: 20 }, async () => {
    await nextTurn();
    resumed.push(turns);
  });
  await Promise.all(tasks);
  isOver = true;
  expect(new Set(resumed).size).toBe(20);
});

test('a pacer asks for a turn only after some milliseconds', async () => {
  const pacer = new Pacer();
  expect(pacer.pause()).toBeUndefined();
  const sinceMs = performance.now();
  while (performance.now() - sinceMs < 5);
  await pacer.pause();
  expect(pacer.pause()).toBeUndefined();
});

test('large values are read one at a time, and once for all who ask for one before that', async () => {
  const log: string[] = [];
  const read = (name: string) => async () => {
    log.push(`begin ${name}`);
    await nextTurn();
    log.push(`end ${name}`);
    return { name };
  };
  const reads = ['a', 'b', 'b', 'c', null, null].map((name) => readLarge(name, read(name ?? 'own')));
  const [, b, sameB] = await Promise.all(reads);
  expect(sameB).toBe(b);
  expect(log).toEqual(['a', 'b', 'c', 'own', 'own'].flatMap((name) => [`begin ${name}`, `end ${name}`]));
  expect(await readLarge('b', read('b'))).not.toBe(b);
});
