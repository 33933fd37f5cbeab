import { expect, test, vi } from 'vitest';
import { attacks } from './siege/attacks/index.ts';
import { makeSettings } from './siege/settings.ts';
import { runSiege } from './siege/siege.ts';

// The short form: each attack once, judged by what it is answered. `npm run siege` is the long one, which measures.

vi.setConfig({ testTimeout: 300_000 });

test('each attack of a short siege is answered as it should be, and all others get what is theirs', async () => {
  const settings = makeSettings({ isShort: true, seconds: 2 });
  const report = await runSiege(settings, () => {}, new AbortController().signal);
  expect(report.faults).toEqual([]);
  expect(report.rows).toHaveLength(1);
  for (const { faults, quiet, under, sent } of report.rows) {
    expect([faults, quiet.wrong, under.wrong]).toEqual([[], [], []]);
    expect(under.ended).toBe(under.runs);
    // A siege in which little happened proves nothing.
    expect(under.runs).toBeGreaterThan(5);
    expect(sent).toBeGreaterThan(10 * Object.keys(attacks).length);
  }
});
