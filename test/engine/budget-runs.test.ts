import { afterEach, describe, expect, test } from 'vitest';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, tenant } from './engine-rig.ts';

describe('runs that share a budget', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  /** How often each upstream run was polled. */
  function countPolls(): Map<string, number> {
    const polls = new Map<string, number>();
    const { observe } = rig.vendor;
    rig.vendor.observe = (target: unknown, upstream: UpstreamRef, signal: AbortSignal) => {
      polls.set(upstream.runId, (polls.get(upstream.runId) ?? 0) + 1);
      return observe.call(rig.vendor, target, upstream, signal);
    };
    return polls;
  }

  test('runs that share a budget are polled in turn, a watched run most often, and every run is polled', async () => {
    rig = await openRig({ options: { requestsPerSecond: 4 } });
    const polls = countPolls();
    let started = 0;
    rig.vendor.start = async () => ({ upstream: { runId: `upstream-${++started}` } });
    const runs = [];
    for (let run = 0; run < 40; run += 1) runs.push(await rig.create());
    await rig.clock.advance(30_000);
    polls.clear();
    const watched = runs[17];
    const stream = await rig.engine.api.runs.watch({ tenant, runId: watched?.runId ?? '' }, 0);
    await rig.clock.advance(60_000);
    const counts = [...polls.values()].toSorted((a, b) => b - a);
    expect(counts[0]).toBeGreaterThan(30);
    expect(counts).toHaveLength(40);
    expect(counts[1]).toBeLessThanOrEqual((counts[39] ?? 0) + 2);
    await stream.return();
  });

  test('recovered runs are not all polled at once', async () => {
    rig = await openRig();
    const runs = 300;
    for (let run = 0; run < runs; run += 1) await rig.create();
    await rig.clock.advance(1000);
    const before = rig.vendor.polls;
    rig = await rig.crash();
    await rig.clock.advance(runs / 6);
    expect(rig.vendor.polls - before).toBeGreaterThan(runs / 10);
    expect(rig.vendor.polls - before).toBeLessThan(runs / 2);
    await rig.clock.advance(runs);
    expect(rig.vendor.polls - before).toBeGreaterThanOrEqual(runs);
  });
});
