import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onAbort } from '../../src/upstream/abort-listeners.ts';

test('a signal calls back everything that still listens, once, and carries one listener for all', () => {
  const controller = new AbortController();
  const told: string[] = [];
  const stops = ['a', 'b', 'c'].map((name) => onAbort(controller.signal, () => told.push(name)));
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
  stops[1]?.();
  controller.abort();
  controller.abort();
  expect(told).toEqual(['a', 'c']);
});

test('a callback may unsubscribe itself and those after it', () => {
  const controller = new AbortController();
  const told: string[] = [];
  const stops: (() => void)[] = [];
  for (const name of ['a', 'b']) {
    const stop = onAbort(controller.signal, () => {
      told.push(name);
      for (const each of stops) each();
    });
    stops.push(stop);
  }
  controller.abort();
  expect(told).toEqual(['a']);
});

test('a signal does not call back the listeners of another', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const told: string[] = [];
  onAbort(one.signal, () => told.push('one'));
  onAbort(other.signal, () => told.push('other'));
  other.abort();
  expect(told).toEqual(['other']);
});
