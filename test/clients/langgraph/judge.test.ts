import { expect, test } from 'vitest';
import type { Json } from '../../../src/contract/domain/json.ts';
import { judgeCall } from './judge.ts';
import type { Outcome } from './outcome.ts';

const answered = (value: Json): Outcome => ({ call: 'c', ok: true, value });
const refused = (status: number): Outcome => ({ call: 'c', ok: false, error: 'Error', status, text: '' });

test('a gateway that is like one of two servers that differ is right', () => {
  const seen = { python: answered({ a: null, b: 1 }), javascript: answered({ a: {}, b: 1 }) };
  expect(judgeCall('x', 'c', { ...seen, rungate: answered({ a: {}, b: 1 }) }).unexplained).toEqual([]);
  expect(judgeCall('x', 'c', { ...seen, rungate: answered({ a: {}, b: 2 }) }).unexplained).toEqual([
    '.b: 1 there, 2 here',
  ]);
});

test('a call that works at one server must work here', () => {
  const seen = { python: refused(500), javascript: answered(1) };
  expect(judgeCall('x', 'c', { ...seen, rungate: refused(500) }).unexplained).toEqual(['outcome: ok there, 500 here']);
  expect(judgeCall('x', 'c', { ...seen, rungate: answered(1) }).unexplained).toEqual([]);
});

test('a call that no server answers may be answered here, or refused as by one of them', () => {
  const seen = { python: refused(422), javascript: refused(404) };
  expect(judgeCall('x', 'c', { ...seen, rungate: answered(1) }).unexplained).toEqual([]);
  expect(judgeCall('x', 'c', { ...seen, rungate: refused(404) }).unexplained).toEqual([]);
  expect(judgeCall('x', 'c', { ...seen, rungate: refused(500) }).unexplained).toEqual(['outcome: 422 there, 500 here']);
});
