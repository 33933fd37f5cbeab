import { expect, test } from 'vitest';
import type { Json } from '../../../src/contract/domain/json.ts';
import { compareOutcomes, type Outcome, readOutcomes } from './outcome.ts';

const answered = (value: Json): Outcome => ({ call: 'c', ok: true, value });
const refused = (status: number): Outcome => ({ call: 'c', ok: false, error: 'Error', status, text: '' });
const [one, other] = ['01a21d2e-620d-72f8-a346-c7b9cd181e57', '046b5dc7-2108-582c-9c6c-31d556d138f0'];

test('answers that differ in ids and times alone are the same', () => {
  const there = { id: one, at: '2026-11-27T13:25:08.750009+00:00', interrupts: { [one]: [{ id: other }] } };
  const here = { id: other, at: '2026-11-27T14:00:00.000Z', interrupts: { [other]: [{ id: one }] } };
  expect(compareOutcomes(answered(there), answered(here))).toEqual([]);
});

test('a member that is missing, one of another type and one of another value are three differences', () => {
  const there = { status: 'idle', values: null, config: {}, runs: [{ n: 1 }] };
  const here = { status: 'busy', values: {}, runs: [{ n: 1, more: true }] };
  expect(compareOutcomes(answered(there), answered(here))).toEqual([
    '.status: "idle" there, "busy" here',
    '.values: null there, object here',
    '.config: only there',
    '.runs[0].more: only here',
  ]);
});

test('a list that is shorter than the one of the reference is a difference', () => {
  expect(compareOutcomes(answered([1, 2]), answered([1]))).toEqual(['[]: 2 there, 1 here']);
});

test('a call that is refused with another status, or answered, is a difference', () => {
  expect(compareOutcomes(refused(404), refused(404))).toEqual([]);
  expect(compareOutcomes(refused(404), refused(409))).toEqual(['outcome: 404 there, 409 here']);
  expect(compareOutcomes(refused(404), answered({}))).toEqual(['outcome: 404 there, ok here']);
});

test('events are compared by the order of their names and the first and last data of each', () => {
  const there: { event: string; data: Json }[] = [
    { event: 'metadata', data: { run_id: one } },
    { event: 'custom', data: { step: 0 } },
    { event: 'custom', data: { step: 4 } },
    { event: 'values', data: { ms: 1 } },
  ];
  const here = there.toSpliced(1, 1, { event: 'custom', data: { step: 0 } }, { event: 'custom', data: { step: 1 } });
  expect(compareOutcomes(answered(there), answered(here))).toEqual([]);
  const swapped = [...there.slice(2), { event: 'end', data: null }, ...there.slice(0, 1)];
  expect(compareOutcomes(answered(there), answered(swapped))).toEqual([
    'event end: only here',
    'order of events: metadata, custom, values there, custom, values, metadata here',
    'data of custom .step: 0 there, 4 here',
  ]);
  expect(compareOutcomes(answered(there), answered(there.slice(0, 1)))).toEqual([
    'event custom: only there',
    'event values: only there',
  ]);
});

test('lines of a script that are no outcomes are left out', () => {
  const [outcome] = readOutcomes('a warning\n{"call":"c","ok":true,"value":1}\n');
  expect(outcome).toEqual(answered(1));
});
