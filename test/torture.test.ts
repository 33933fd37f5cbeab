import { expect, test, vi } from 'vitest';
import { NoPostgres } from './torture/database.ts';
import { isClean, type Report } from './torture/report.ts';
import { makeSettings } from './torture/settings.ts';
import { runTorture } from './torture/torture.ts';

// The short form; `npm run torture -- --rounds 300` is the long one.
// Without pushes, by which a start that never arrived is given up only after a minute and a half.
const short = { seed: 3, clients: 12, maxMs: 1500, pushes: 'no' } as const;

vi.setConfig({ testTimeout: 300_000 });

async function tortureWith(options: Parameters<typeof makeSettings>[0]): Promise<Report> {
  const quiet = new AbortController().signal;
  return await runTorture(makeSettings({ ...short, ...options }), () => {}, quiet);
}

test('a gateway on SQLite that is killed again and again loses, repeats and confuses nothing', async () => {
  const report = await tortureWith({ rounds: 4, copies: 0 });
  expect(report.details).toEqual([]);
  expect(isClean(report)).toBe(true);
  // A torture in which little happened proves nothing.
  expect(report.acknowledged).toBeGreaterThan(20);
  expect(report.streams).toBeGreaterThan(5);
  expect(report['streams cut']).toBeGreaterThan(0);
  expect(report['recovery samples']).toBeGreaterThan(0);
});

test('gateways on old copies of a SQLite database and on links to it are refused, and start nothing', async () => {
  const report = await tortureWith({ rounds: 6, copies: 0.5 });
  expect(report.details).toEqual([]);
  expect(isClean(report)).toBe(true);
  expect(report['copies and links refused']).toBe(6);
});

test('a gateway on a PostgreSQL that was recovered to an earlier time is refused, and starts nothing', async ({
  skip,
}) => {
  const settings = { store: 'postgres', replicas: 2, rounds: 2, copies: 0.5, seed: 4, deadAfterSeconds: 1 } as const;
  const report = await tortureWith(settings).catch((error: unknown) => {
    if (error instanceof NoPostgres) return skip(error.message);
    throw error;
  });
  expect(report.details).toEqual([]);
  expect(isClean(report)).toBe(true);
  expect(report['copies and links refused']).toBeGreaterThan(0);
});

test('replicas on PostgreSQL that are killed and paused lose, repeat and confuse nothing', async ({ skip }) => {
  const settings = { store: 'postgres', replicas: 3, rounds: 2, copies: 0, deadAfterSeconds: 1 } as const;
  const report = await tortureWith(settings).catch((error: unknown) => {
    if (error instanceof NoPostgres) return skip(error.message);
    throw error;
  });
  expect(report.details).toEqual([]);
  expect(isClean(report)).toBe(true);
  expect(report.acknowledged).toBeGreaterThan(20);
  expect(report.streams).toBeGreaterThan(5);
});
