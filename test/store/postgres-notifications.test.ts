import { describe, expect, test } from 'vitest';
import { parseChanges, parseWake } from '../../src/store/postgres/notifications.ts';

const run = (id: string) => ({ kind: 'run', id });
const thread = (id: string) => ({ kind: 'thread', id });

describe('a message of the change channel', () => {
  test.each([
    ['other r1,r2 0', [run('r1'), run('r2')]],
    ['other r1,t1,t2 2', [run('r1'), thread('t1'), thread('t2')]],
    ['other t1 1', [thread('t1')]],
  ])('the change message %j names runs first and then threads', (payload, changes) => {
    expect(parseChanges(payload, 'me')).toEqual(changes);
  });

  test('an id in a change message of version 0.1.0, which has no kinds, counts as a run and as a thread', () => {
    expect(parseChanges('other a,b', 'me')).toEqual([run('a'), run('b'), thread('a'), thread('b')]);
  });

  test('a change message of this store itself is ignored', () => {
    expect(parseChanges('me r1 0', 'me')).toEqual([]);
    expect(parseChanges('me r1', 'me')).toEqual([]);
  });
});

test('a wake signal names its run, and one of this store itself is ignored', () => {
  expect(parseWake('other r1', 'me')).toBe('r1');
  expect(parseWake('me r1', 'me')).toBeNull();
});
