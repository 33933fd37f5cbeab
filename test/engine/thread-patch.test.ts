import { expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import { patchState } from '../../src/engine/api/thread-patch.ts';

const first = { role: 'user', content: 'hi', id: 'm-1' };
const second = { role: 'ai', content: 'yo' };

test('a thread patch replaces the members that it names and keeps the others', () => {
  const base = { values: { a: 1 }, messages: [first] };
  expect(patchState(base, { mode: 'replace' })).toEqual(base);
  expect(patchState(base, { mode: 'replace', values: { b: 2 } })).toEqual({ values: { b: 2 }, messages: [first] });
  expect(patchState(base, { mode: 'replace', messages: [] })).toEqual({ values: { a: 1 }, messages: [] });
});

test.each<[before: Json, values: Json | undefined, after: Json]>([
  [null, { a: 1 }, { a: 1 }],
  [{ a: { x: 1 }, b: 2 }, { a: { y: 1 } }, { a: { y: 1 }, b: 2 }],
  ['text', { a: 1 }, { a: 1 }],
  [{ a: 1 }, 'text', 'text'],
  [{ a: 1 }, undefined, { a: 1 }],
])('thread values %j merged with %j are %j', (before, values, after) => {
  expect(patchState({ values: before, messages: [] }, { mode: 'merge', values }).values).toEqual(after);
});

test('a message in a thread patch replaces the one with its id, or is appended where there is none', () => {
  const changed = { ...first, content: 'hello' };
  const more = { role: 'user', content: 'more', id: 'm-2' };
  const again = { ...more, content: 'again' };
  const messages = [changed, second, more, again];
  const patched = patchState({ values: null, messages: [first, second] }, { mode: 'merge', messages });
  expect(patched.messages).toEqual([changed, second, second, again]);
});
