import { expect, test } from 'vitest';
import { nextTurn, Pacer } from '../../src/compute/turns.ts';

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
