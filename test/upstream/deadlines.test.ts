import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Deadlines } from '../../src/upstream/deadlines.ts';

let late: string[] = [];
let deadlines: Deadlines;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  late = [];
  deadlines = new Deadlines(1000);
});
afterEach(() => vi.useRealTimers());

const add = (name: string) => deadlines.add(() => late.push(name));

test('each deadline passes after its own time, over one timer', () => {
  add('a');
  vi.advanceTimersByTime(400);
  add('b');
  add('c');
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(599);
  expect(late).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(late).toEqual(['a']);
  vi.advanceTimersByTime(399);
  expect(late).toEqual(['a']);
  vi.advanceTimersByTime(1);
  expect(late).toEqual(['a', 'b', 'c']);
  expect(vi.getTimerCount()).toBe(0);
});

test('a cancelled deadline does not pass, and later ones pass in time', () => {
  const takeBack = add('a');
  vi.advanceTimersByTime(700);
  takeBack();
  add('b');
  vi.advanceTimersByTime(999);
  expect(late).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(late).toEqual(['b']);
});

test('a deadline that is added when another passes gets its whole time', () => {
  deadlines.add(() => add('a'));
  vi.advanceTimersByTime(1999);
  expect(late).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(late).toEqual(['a']);
  expect(vi.getTimerCount()).toBe(0);
});

test('no deadline passes after the close', () => {
  add('a');
  deadlines.close();
  vi.advanceTimersByTime(5000);
  expect(late).toEqual([]);
});

test('a deadline passes outside the context of the call that set it, so that no timer keeps what the call had', async () => {
  vi.useRealTimers();
  const context = new AsyncLocalStorage<string>();
  const seen = await context.run(
    'of the call',
    () => new Promise((resolve) => new Deadlines(1).add(() => resolve(context.getStore() ?? null))),
  );
  expect(seen).toBeNull();
});
