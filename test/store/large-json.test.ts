import { expect, test } from 'vitest';
import { writeLarge } from '../../src/store/large-json.ts';
import { makeRun } from './runs.ts';

const input = Array.from({ length: 10_000 }, (_, at) => at);

test('a large request is written in slices when its run is new, and not looked at when its run changes', async () => {
  const run = makeRun({ request: { input } });
  const texts = await writeLarge(run, [], { isNew: true });
  expect(texts?.get(run.request)).toBe(JSON.stringify({ input }));
  expect(writeLarge(run, [], { isNew: false })).toBeNull();
});

test('a large result is written in slices once, although the last event has it too', async () => {
  const outcome = { kind: 'result', value: input } as const;
  const run = makeRun({ outcome });
  const end = { runId: run.runId, seq: 2, atMs: 0, status: 'success', change: outcome } as const;
  expect([...((await writeLarge(run, [end], { isNew: false })) ?? [])]).toEqual([[outcome, JSON.stringify(outcome)]]);
});
