import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fingerprint, shortenCanonical } from '../../src/compute/fingerprint.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { canonicalJson } from '../../src/json/canonical-json.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { measureTurns, nearlyLongest } from './held-turns.ts';

const many = Array.from({ length: 9000 }, (_, at) => ({ at, text: `é\ud800${at}` }));
const large: readonly (readonly [string, Json])[] = [
  ['a long text', `"\u2028${'ü😀'.repeat(90_000)}`],
  ['many items', many],
  ['many members', Object.fromEntries(many.map((one, at) => [`k${(at * 7919) % 9000}`, one]))],
  ['a long name', { ['n'.repeat(200_000)]: 1, a: [null, true, 0] }],
  ['exact numbers', [readJson('[1e400, -0, 9007199254740993.0]'), 'x'.repeat(70_000)]],
];

test.each(large)('the fingerprint of a value with %s is the hash of its canonical JSON', async (_, value) => {
  expect(await fingerprint(value)).toBe(shortenCanonical(canonicalJson(value)));
});

test('values have one fingerprint exactly when they are equal', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (a, b) => {
      const [one, other] = [a as Json, b as Json];
      const isEqual = canonicalJson(one) === canonicalJson(other);
      expect((await fingerprint(one)) === (await fingerprint(other))).toBe(isEqual);
      expect(shortenCanonical(String(await fingerprint(one)))).toBe(await fingerprint(one));
    }),
  );
});

test('the fingerprint of a small value needs no promise', () => {
  expect(fingerprint({ b: 1, a: [2] })).toBe('{"a":[2],"b":1}');
});

test('the fingerprint of a value of ten MiB does not hold the event loop', async () => {
  const value = { text: 'x'.repeat(5_000_000), items: Array.from({ length: 200_000 }, (_, at) => ({ at })) };
  const { turnsMs } = await measureTurns(async () => await fingerprint(value));
  expect(turnsMs.length).toBeGreaterThan(5);
  expect(nearlyLongest(turnsMs)).toBeLessThan(10);
});
