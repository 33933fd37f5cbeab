import { validate, version } from 'uuid';
import { expect, test } from 'vitest';
import { RunIds } from '../../src/engine/api/run-ids.ts';

const nowMs = Date.UTC(2026, 10, 22);
const hex = (ms: number): string => ms.toString(16).padStart(12, '0');

test('run ids are UUIDs of version 7 that carry the instant and ascend, even within a millisecond and after a clock is set back', () => {
  const ids = new RunIds();
  const instants = [...Array(3000).fill(nowMs), nowMs + 1, nowMs - 1000, ...Array(3000).fill(nowMs + 2)];
  const made = instants.map((ms) => ids.next(ms));
  expect(made.filter((id) => !validate(id) || version(id) !== 7)).toEqual([]);
  expect(made.toSorted()).toEqual(made);
  expect(new Set(made).size).toBe(made.length);
  expect(made[0]?.replaceAll('-', '').slice(0, 12)).toBe(hex(nowMs));
  expect(made.at(-1)?.replaceAll('-', '').slice(0, 12)).toBe(hex(nowMs + 2));
});

test('run ids that two processes make in the same millisecond share no random part', () => {
  const tails = [new RunIds(), new RunIds()].flatMap((ids) =>
    Array.from({ length: 600 }, () => ids.next(nowMs).slice(-10)),
  );
  expect(new Set(tails).size).toBe(tails.length);
});
