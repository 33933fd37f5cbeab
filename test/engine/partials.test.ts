import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/contract/domain/event.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { partialSpacingMs } from '../../src/engine/worker/partial-spacing.ts';
import { kinds, openRig, type Rig, tenant } from './engine-rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig.close());

const show = (output: Json, status = 'running') => void rig.vendor.observeScript.splice(0, 9, { status, output });
const valuesOf = (events: readonly RunEvent[]) =>
  events.flatMap(({ change }) => (change.kind === 'partial' ? [change.value] : []));

/** Reads a run's events as they come, into the array that it returns. */
async function watch(run: Run, afterSeq = 0): Promise<RunEvent[]> {
  const seen: RunEvent[] = [];
  const stream = await rig.engine.api.runs.watch({ tenant, runId: run.runId }, afterSeq);
  void (async () => {
    for await (const batch of stream) seen.push(...batch);
  })();
  return seen;
}

const ascending = (events: readonly RunEvent[]) => events.map(({ seq }, at) => seq - at);

test('a partial output is recorded as one event, even if another process takes the run over', async () => {
  const { clock } = rig;
  show(1);
  const run = await rig.create();
  const seen = [await watch(run)];
  await clock.advance(10_000);
  show(2);
  await clock.advance(10_000);
  rig = await rig.crash();
  seen.push(await watch(run, seen[0]?.at(-1)?.seq));
  await clock.advance(30_000);
  show(1);
  await clock.advance(30_000);
  rig = await rig.crash();
  seen.push(await watch(run, seen.flat().at(-1)?.seq));
  await clock.advance(30_000);
  show(3);
  await clock.advance(30_000);
  // What watchers saw over two restarts, and what the store keeps for those that come later.
  expect(valuesOf(seen.flat())).toEqual([1, 2, 1, 3]);
  expect(seen.flat().map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(kinds(await rig.events(run))).toEqual(['queued', 'running', 'replaced', 'replaced', 'replaced', 'partial']);
  expect(valuesOf(await rig.events(run))).toEqual([3]);
});

test.each([
  ['a reader that begins', 0, [1, 2, 3, 4, 5, 6]],
  ['a reader that saw an output which was replaced', 3, [4, 5, 6]],
  ['a reader that saw the last but one', 5, [6]],
  ['a reader that saw all', 6, []],
])('%s gets every number once and the newest output only', async (_, afterSeq, numbers) => {
  const run = await rig.create();
  for (const output of ['a', 'ab', 'abc', 'abcd']) {
    show(output);
    await rig.clock.advance(10_000);
  }
  const seen = await watch(run, afterSeq);
  await rig.clock.advance(0);
  expect(seen.map(({ seq }) => seq)).toEqual(numbers);
  expect(valuesOf(seen)).toEqual(numbers.length === 0 ? [] : ['abcd']);
});

test('a run whose result is its last partial output keeps both events and one value', async () => {
  const value = { text: 'x'.repeat(300_000) };
  show(value);
  const run = await rig.create();
  const seen = await watch(run);
  await rig.clock.advance(10_000);
  show(value, 'success');
  await expect
    .poll(async () => {
      await rig.clock.advance(100);
      return (await rig.read(run)).status;
    })
    .toBe('success');
  await rig.clock.settle();
  expect(kinds(seen)).toEqual(['queued', 'running', 'partial', 'result']);
  expect(await rig.events(run)).toEqual(seen);
});

describe('a run that shows a large partial output with every look', () => {
  const mebibyte = 1024 * 1024;

  test.each([
    ['64 KiB', 65_536, 20, 61],
    ['1 MiB', mebibyte, 3, 4],
    ['4 MiB', 4 * mebibyte, 1, 1],
  ])('is sent %s no more often than its size allows', async (_, size, least, most) => {
    let looks = 0;
    rig.vendor.observe = async () => {
      looks += 1;
      const output = `${looks}${'x'.repeat(size)}`;
      return { status: 'running', raw: { status: 'running', output } };
    };
    const run = await rig.create();
    const seen = await watch(run);
    // Digests of large values are made in slices, each a turn of the event loop.
    for (let step = 0; step < 300; step += 1) await rig.clock.advance(100);
    await expect.poll(() => valuesOf(seen).length).toBeGreaterThanOrEqual(least);
    expect(looks).toBeGreaterThan(25);
    expect(valuesOf(seen).length).toBeLessThanOrEqual(most);
    expect(ascending(seen)).toEqual(seen.map(() => 1));
    expect(valuesOf(await rig.events(run))).toHaveLength(1);
  });

  test('keeps its distance after a restart too', async () => {
    show('a'.repeat(mebibyte));
    const run = await rig.create();
    await rig.clock.advance(3000);
    const goOn = async () => {
      await rig.clock.advance(100);
      return (await rig.read(run)).lastSeq;
    };
    await expect.poll(goOn, { timeout: 10_000, interval: 5 }).toBe(3);
    const first = (await rig.read(run)).partial?.atMs ?? 0;
    rig = await rig.crash();
    show('b'.repeat(mebibyte));
    const seen = await watch(run, 3);
    await expect.poll(goOn, { timeout: 10_000, interval: 5 }).toBe(4);
    expect((seen[0]?.atMs ?? 0) - first).toBeGreaterThanOrEqual(8000);
  });
});

test.each([
  [{ chars: 0, ageMs: 0 }, 0],
  [{ chars: 1024, ageMs: 0 }, 7.8125],
  [{ chars: 1024 * 1024, ageMs: 60_000 }, 8000],
  [{ chars: 10, ageMs: 3_600_000 }, 3600],
  [{ chars: 8 * 1024 * 1024, ageMs: 86_400_000 }, 86_400],
])('partial outputs of %j are at least %d ms apart', (facts, spacingMs) => {
  expect(partialSpacingMs(facts)).toBeCloseTo(spacingMs);
});

test('a run that shows news every second for a day has some thousand events, and one value', () => {
  let events = 0;
  for (let ageMs = 1000; ageMs < 86_400_000; ageMs += Math.max(1000, partialSpacingMs({ chars: 20, ageMs })))
    events += 1;
  expect(events).toBeGreaterThan(1000);
  expect(events).toBeLessThan(6000);
});
