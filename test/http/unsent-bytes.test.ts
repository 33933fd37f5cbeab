import { describe, expect, test, vi } from 'vitest';
import { ArrivingBytes } from '../../src/http/arriving-bytes.ts';
import { UnsentBytes } from '../../src/http/unsent-bytes.ts';

const refusing = (code: string) => expect.objectContaining({ code, retryAfterSeconds: 1 });

function open() {
  const unsent = new UnsentBytes({ maxUnsentBytes: 100, maxUnsentBytesTotal: 150 });
  const cuts: string[] = [];
  const hold = (caller: string, content: object, bytes: number, name = caller) => {
    const held = unsent.hold(caller, {
      content,
      bytes,
      cut: () => {
        cuts.push(name);
        held.release();
      },
    });
    return held;
  };
  return { unsent, cuts, hold };
}

describe('answers that are not read', () => {
  test('a caller is refused what exceeds its bound, and another caller is not', () => {
    const { unsent, hold } = open();
    hold('a', {}, 60);
    expect(() => hold('a', {}, 41)).toThrow(refusing('too_many_unsent_bytes'));
    hold('b', {}, 60);
    expect(unsent.size).toBe(120);
  });

  test('all callers together are refused what exceeds the bound of all', () => {
    const { hold } = open();
    hold('a', {}, 80);
    hold('b', {}, 60);
    expect(() => hold('c', {}, 11)).toThrow(refusing('unsent_bytes_exhausted'));
    hold('c', {}, 10);
  });

  test('equal readers of one answer count once, until the last of them has it', () => {
    const { unsent, hold } = open();
    const content = {};
    const readers = Array.from({ length: 60 }, () => hold('a', content, 90));
    hold('b', content, 90);
    expect(unsent.size).toBe(90);
    for (const reader of readers) reader.release();
    expect(unsent.size).toBe(90);
    hold('a', {}, 50);
    expect(unsent.size).toBe(140);
  });

  test('an only answer may be of any size', () => {
    const { hold } = open();
    hold('a', {}, 1000).release();
    hold('a', {}, 100);
  });

  test('where room is needed, the reader that took nothing for the longest time is cut off', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const { cuts, hold } = open();
      hold('a', {}, 40, 'slow');
      const steady = hold('a', {}, 40, 'steady');
      vi.advanceTimersByTime(3000);
      steady.progress();
      hold('a', {}, 40, 'new');
      expect(cuts).toEqual(['slow']);
      expect(() => hold('a', {}, 40)).toThrow(refusing('too_many_unsent_bytes'));
    } finally {
      vi.useRealTimers();
    }
  });

  test('the answer to what has been done is given in any case', () => {
    const { unsent, hold } = open();
    hold('a', {}, 100);
    unsent.hold('a', { content: {}, bytes: 100, cut: null, mustHold: true });
    expect(unsent.size).toBe(200);
  });
});

describe('bodies that have not arrived whole', () => {
  test('a caller is refused what exceeds its bound, and all callers what exceeds the bound of all', () => {
    const arriving = new ArrivingBytes({ maxArrivingBytes: 100, maxArrivingBytesTotal: 150 });
    const [a, b] = [arriving.open('a'), arriving.open('b')];
    a.add(100);
    expect(() => arriving.open('a').add(1)).toThrow(refusing('too_many_body_bytes'));
    b.add(40);
    expect(() => b.add(20)).toThrow(refusing('body_bytes_exhausted'));
    a.release();
    b.release();
    // The body that was refused counts until its reader gives it up.
    expect(arriving.size).toBe(1);
  });
});
