import { expect, test } from 'vitest';
import { extractFrom, extractPath } from '../../src/protocols/langgraph/thread-extract.ts';

const thread = { metadata: { mark: 'a' }, values: { messages: [{ content: 'hi' }, { content: 'ho' }], n: 0 } };

test('members of threads are extracted by names and by places in lists, from the end too', () => {
  const paths = {
    first: 'values.messages[0].content',
    last: 'values.messages[-1].content',
    n: 'values.n',
    all: 'metadata',
  };
  expect(extractFrom(thread, paths)).toEqual({ first: 'hi', last: 'ho', n: 0, all: { mark: 'a' } });
});

test('what a thread does not have is extracted as null', () => {
  const paths = { a: 'values.none.deeper', b: 'values.messages[7]', c: 'values.n[0]', d: 'values.constructor' };
  expect(extractFrom(thread, paths)).toEqual({ a: null, b: null, c: null, d: null });
});

test('only paths into what a thread shows are paths to extract', () => {
  const good = ['values', 'values.messages[-1].content', 'metadata.a.b', 'status'];
  const bad = ['tenant', 'values[', 'values..a', 'values[x]', '', 'values.a b]', `values[${'1'.repeat(9)}]`];
  expect(good.filter((path) => extractPath.test(path))).toEqual(good);
  expect(bad.filter((path) => extractPath.test(path))).toEqual([]);
});
