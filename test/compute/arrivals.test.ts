import { describe, expect, test, vi } from 'vitest';
import { Arrivals } from '../../src/compute/arrivals.ts';

/** Enters with several, and notes which go on and when. */
function enterAll(arrivals: Arrivals, names: readonly string[]) {
  const went: string[] = [];
  const entered = names.map((name) => {
    const arrival = arrivals.enter(() => went.push(name));
    if (!arrival.isWaiting) went.push(name);
    return arrival;
  });
  return { went, leave: (at: number) => entered[at]?.leave() };
}

describe('large values on their way', () => {
  test('two large answers go on at a time, and each that leaves lets the oldest one in that waits', () => {
    const { went, leave } = enterAll(new Arrivals(), ['a', 'b', 'c', 'd', 'e']);
    expect(went).toEqual(['a', 'b']);
    leave(1);
    leave(1);
    expect(went).toEqual(['a', 'b', 'c']);
    // One that gives up before its turn is not let in.
    leave(3);
    leave(0);
    expect(went).toEqual(['a', 'b', 'c', 'e']);
  });

  test('a large answer waits while large values are being written', async () => {
    const arrivals = new Arrivals();
    const writes = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const followed = writes.map(({ promise }) => arrivals.follow(promise));
    const { went } = enterAll(arrivals, ['a', 'b']);
    expect(went).toEqual([]);
    writes[0]?.resolve('written');
    expect(await followed[0]).toBe('written');
    expect(went).toEqual(['a']);
    writes[1]?.reject(new Error('no disk'));
    await expect(followed[1]).rejects.toThrow('no disk');
    expect(went).toEqual(['a', 'b']);
  });

  test('one large answer is let in each second although those before it are stuck', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const { went } = enterAll(new Arrivals(), ['a', 'b', 'c', 'd']);
      vi.advanceTimersByTime(1000);
      expect(went).toEqual(['a', 'b', 'c']);
      vi.advanceTimersByTime(1000);
      expect(went).toEqual(['a', 'b', 'c', 'd']);
      vi.advanceTimersByTime(5000);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
