import { expect, test } from 'vitest';
import { findNearest } from '../../src/collections/nearest-word.ts';

test.each([
  ['prot', ['host', 'port'], 'port'],
  ['base_url', ['baseUrl'], 'baseUrl'],
  ['uppercas', ['lowercase', 'uppercase'], 'uppercase'],
  ['timeout', ['target', 'timeoutSeconds'], 'timeoutSeconds'],
  ['url', ['adapter', 'baseUrl'], 'baseUrl'],
  ['type', ['interrupt_type', 'typeOf'], 'typeOf'],
  ['type', ['interrupt_type'], 'interrupt_type'],
  ['upper', ['lowercase', 'uppercase'], 'uppercase'],
  ['max', ['maxConnections', 'maxRuns'], 'maxRuns'],
  ['ma', ['maxRuns'], undefined],
  ['zzzzzzzz', ['host', 'port'], undefined],
  ['', ['a'], undefined],
  ['x'.repeat(100_000), ['x'.repeat(100_000)], undefined],
])('of the known words, the one nearest to %j is suggested', (word, known, nearest) => {
  expect(findNearest(word, known)).toBe(nearest);
});
