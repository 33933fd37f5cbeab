import { describe, expect, test } from 'vitest';
import type { Bench } from './contract.ts';

export function describeTickets(bench: () => Bench): void {
  describe('tickets for streams', () => {
    test('every process on the store has one secret, whichever asks first', async () => {
      const [one, other] = [bench().store, await bench().openSecond()];
      const asked = [one, other, one, other].map(({ tickets }) => tickets.secret());
      const secrets = new Set((await Promise.all(asked)).map((secret) => secret.toString('hex')));
      expect([...secrets]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
      expect((await one.tickets.secret()).toString('hex')).toBe([...secrets][0]);
    });

    test('a ticket that was opened is known until its time is over, and its time never shrinks', async () => {
      const { tickets } = bench().store;
      const nowMs = 1_800_000_000_000;
      expect(await tickets.openUntil('a')).toBeNull();
      await tickets.keepOpen('a', nowMs + 2000, nowMs);
      await tickets.keepOpen('a', nowMs + 1000, nowMs);
      await tickets.keepOpen('b', nowMs + 9000, nowMs);
      expect([await tickets.openUntil('a'), await tickets.openUntil('b')]).toEqual([nowMs + 2000, nowMs + 9000]);
      await tickets.keepOpen('a', nowMs + 3000, nowMs);
      expect(await tickets.openUntil('a')).toBe(nowMs + 3000);
      await tickets.keepOpen('c', nowMs + 9000, nowMs + 3001);
      expect([await tickets.openUntil('a'), await tickets.openUntil('b')]).toEqual([null, nowMs + 9000]);
    });
  });
}
