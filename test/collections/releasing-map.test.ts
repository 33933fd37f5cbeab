import { expect, test } from 'vitest';
import { ReleasingMap } from '../../src/collections/releasing-map.ts';

test('keeps what was set under a key until it is deleted, in the order of the keys', () => {
  const register = new ReleasingMap<string, { n: number }>();
  for (const [key, n] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
    ['b', 4],
  ] as const) {
    register.set(key, { n });
  }
  register.delete('a');
  register.delete('a');
  expect([register.size, register.has('a'), register.get('a'), register.get('b')]).toEqual([
    2,
    false,
    undefined,
    { n: 4 },
  ]);
  expect([...register.values()]).toEqual([{ n: 4 }, { n: 3 }]);
});

test('what is deleted while the values are gone through is not given', () => {
  const register = new ReleasingMap<number, { n: number }>();
  for (let n = 0; n < 5; n += 1) register.set(n, { n });
  const given: number[] = [];
  for (const { n } of register.values()) {
    given.push(n);
    register.delete(n + 1);
  }
  expect(given).toEqual([0, 2, 4]);
});
