import { expect, test } from 'vitest';
import { repeat } from '../../src/engine/sleeper.ts';
import { VirtualClock } from './virtual-clock.ts';

test('a repeated turn runs as long after the last one as that one asked for', async () => {
  const clock = new VirtualClock();
  const startMs = clock.nowMs();
  const turnsMs: number[] = [];
  const stop = repeat(clock, 100, async () => {
    turnsMs.push(clock.nowMs() - startMs);
    return turnsMs.length * 1000;
  });
  await clock.advance(3100);
  expect(turnsMs).toEqual([100, 1100, 3100]);
  await stop();
  await clock.advance(60_000);
  expect(turnsMs).toHaveLength(3);
  expect(clock.timers).toBe(0);
});

test('stopping a repeated turn waits for the turn under way and starts no other', async () => {
  const clock = new VirtualClock();
  const { promise, resolve } = Promise.withResolvers<number>();
  let turns = 0;
  const stop = repeat(clock, 100, () => {
    turns += 1;
    return promise;
  });
  await clock.advance(100);
  let hasStopped = false;
  const stopping = stop().then(() => {
    hasStopped = true;
  });
  await clock.settle();
  expect(hasStopped).toBe(false);
  resolve(100);
  await stopping;
  await clock.advance(1000);
  expect([turns, clock.timers]).toEqual([1, 0]);
});
