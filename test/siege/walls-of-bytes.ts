import type { Wall } from './wall.ts';

/** What bounds the bytes of lists, of answers that are not read and of bodies on their way. */
export const wallsOfBytes: readonly Wall[] = [
  {
    name: 'the bound of a list',
    file: 'src/http/lists.ts',
    from: 'isCut = writer.count > 0 && writer.bytes + bytes > maxBytes;',
    to: 'isCut = false;',
    tests: ['test/gateway/lists.test.ts'],
  },
  {
    name: 'the bound of a filter',
    file: 'src/engine/api/search-filter.ts',
    from: 'const maxMembers = 100;',
    to: 'const maxMembers = 1_000_000;',
    tests: ['test/gateway/lists.test.ts'],
  },
  {
    name: 'one turn for each piece of sliced work',
    file: 'src/compute/turns.ts',
    from: 'const [first, ...others] = waiting;',
    to: 'const [first, ...others] = waiting;\n  for (const each of others.splice(0)) each();',
    tests: ['test/compute/turns.test.ts'],
  },
  {
    name: 'what a caller leaves unread',
    file: 'src/http/unsent-bytes.ts',
    from: 'account.bytes + cost > this.#limits.maxUnsentBytes',
    to: 'account.bytes + cost > Number.MAX_VALUE',
    tests: ['test/http/unsent-bytes.test.ts'],
  },
  {
    name: 'what all callers leave unread',
    file: 'src/http/unsent-bytes.ts',
    from: 'this.#all.bytes + cost > this.#limits.maxUnsentBytesTotal',
    to: 'this.#all.bytes + cost > Number.MAX_VALUE',
    tests: ['test/http/unsent-bytes.test.ts'],
  },
  {
    name: 'bodies on their way',
    file: 'src/http/arriving-bytes.ts',
    from: 'if (ofCaller > this.#limits.maxArrivingBytes)',
    to: 'if (ofCaller > Number.MAX_VALUE)',
    tests: ['test/http/unsent-bytes.test.ts'],
  },
  {
    name: 'large rows are read one at a time',
    file: 'src/compute/turns.ts',
    from: 'const done = largeRead.then(() => {',
    to: 'const done = Promise.resolve().then(() => {',
    tests: ['test/compute/turns.test.ts'],
  },
];
