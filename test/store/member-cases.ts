import type { JsonObject } from '../../src/contract/domain/json.ts';

const long = 'x'.repeat(5000);

/** What is stored, and searched for below. */
export const stored: JsonObject = {
  team: 'a',
  count: 1,
  none: null,
  big: 12,
  'a"odd': 1,
  deep: { list: [1, { b: 2, a: 1 }], text: 'line\nfeed "quoted" \u0000 \ud800' },
  long,
};

/** Each of these finds it. */
export const matching: readonly JsonObject[] = [
  {},
  { team: 'a' },
  { none: null },
  { team: 'a', count: 1 },
  { deep: { text: 'line\nfeed "quoted" \u0000 \ud800', list: [1, { a: 1, b: 2 }] } },
  { long },
];

/** None of these does, although some look alike. */
export const differing: readonly JsonObject[] = [
  { team: 'A' },
  { team: 'a', count: 2 },
  { count: '1' },
  { none: false },
  { deep: { list: [1, { b: 2, a: 1 }] } },
  { other: 'a' },
  { team: 'a"\n"count":1' },
  { long: `${long}x` },
  { te: 'a' },
  { big: 1 },
  { odd: 1 },
];
