import { describe, expect, test } from 'vitest';
import type { BackendReport, RunTotals } from '../../src/contract/api/admin-reports.ts';
import type { EventBatches, SentEvent } from '../../src/contract/domain/event.ts';
import type { RunGroup } from '../../src/contract/store/operations-store.ts';
import { ChangeStream } from '../../src/engine/admin/change-stream.ts';
import { listNeeds, type NeedsInput } from '../../src/engine/admin/overview.ts';
import { CallStatistics, quantileMs } from '../../src/engine/limits/call-statistics.ts';
import { VirtualClock } from './virtual-clock.ts';

const minuteMs = 60_000;

describe('the calls of the last minutes', () => {
  test('calls are counted with upper bounds of how long half and most of them took', () => {
    const statistics = new CallStatistics(new VirtualClock());
    for (let n = 0; n < 90; n += 1) statistics.note(40, false);
    for (let n = 0; n < 10; n += 1) statistics.note(4000, true);
    const { totals } = statistics;
    expect([totals.calls, totals.failed]).toEqual([100, 10]);
    expect([quantileMs(totals, 0.5), quantileMs(totals, 0.95)]).toEqual([50, 5000]);
  });

  test('a call that took longer than every bound counts as twice the last one', () => {
    const statistics = new CallStatistics(new VirtualClock());
    statistics.note(1_000_000, true);
    expect(quantileMs(statistics.totals, 0.5)).toBe(120_000);
  });

  test('calls are forgotten after five minutes, and without any there is no quantile', async () => {
    const clock = new VirtualClock();
    const statistics = new CallStatistics(clock);
    statistics.note(40, false);
    statistics.noteStart();
    await clock.advance(3 * minuteMs);
    statistics.note(40, false);
    expect(statistics.totals).toMatchObject({ calls: 2, starts: 1 });
    await clock.advance(2 * minuteMs);
    expect(statistics.totals).toMatchObject({ calls: 1, starts: 0 });
    await clock.advance(5 * minuteMs);
    expect(quantileMs(statistics.totals, 0.5)).toBeNull();
  });
});

describe('the stream of changes', () => {
  const take = async (reader: EventBatches<SentEvent>): Promise<readonly SentEvent[]> =>
    (await reader.next()).value ?? [];

  test('of several changes of one thing in a short while the last one is sent', async () => {
    const clock = new VirtualClock();
    const stream = new ChangeStream(clock);
    const reader = stream.watch(null);
    expect((await take(reader)).map(({ event }) => event)).toEqual(['reset']);
    for (const phase of ['queued', 'starting', 'running']) stream.note('run', 'a', () => ({ run_id: 'a', phase }));
    stream.note('run', 'b', () => ({ run_id: 'b' }));
    await clock.advance(100);
    expect((await take(reader)).map(({ data }) => data)).toMatchObject([
      { kind: 'run', run_id: 'a', phase: 'running' },
      { kind: 'run', run_id: 'b' },
    ]);
  });

  test('a reader who comes again within a minute gets what it missed, and later or with an unknown id a reset', async () => {
    const clock = new VirtualClock();
    const stream = new ChangeStream(clock);
    const first = stream.watch(null);
    const [{ id: begin = '' } = {}] = await take(first);
    await first.return();
    stream.note('run', 'a', () => ({ run_id: 'a' }));
    await clock.advance(100);
    const [missed] = await take(stream.watch(Number(begin)));
    expect(missed?.data).toMatchObject({ run_id: 'a' });
    for (const unknown of [1, Number(missed?.id) + 1]) {
      expect((await take(stream.watch(unknown))).map(({ event }) => event)).toEqual(['reset']);
    }
    const lonely = new ChangeStream(clock);
    const last = lonely.watch(null);
    const [{ id = '' } = {}] = await take(last);
    await last.return();
    await clock.advance(2 * minuteMs);
    expect(lonely.isActive).toBe(false);
    expect((await take(lonely.watch(Number(id)))).map(({ event }) => event)).toEqual(['reset']);
  });

  test('a reader that does not keep up begins anew instead of filling the memory', async () => {
    const clock = new VirtualClock();
    const stream = new ChangeStream(clock);
    const reader = stream.watch(null);
    await take(reader);
    for (let n = 0; n < 2500; n += 1) stream.note('run', `${n}`, () => ({ run_id: `${n}` }));
    await clock.advance(100);
    expect((await take(reader)).map(({ event }) => event)).toEqual(['reset']);
  });

  test('nothing is kept while there are no readers', async () => {
    const clock = new VirtualClock();
    const stream = new ChangeStream(clock);
    stream.note('run', 'a', () => ({ run_id: 'a' }));
    await clock.advance(100);
    const reader = stream.watch(null);
    expect((await take(reader)).map(({ event }) => event)).toEqual(['reset']);
  });
});

describe('what needs a person', () => {
  const nowMs = 10_000_000_000;
  const totals: RunTotals = {
    ...{
      count: 0,
      isComplete: true,
      oldestMs: null,
      byPhase: {},
      byStatus: {},
      byBackend: {},
      byAgent: {},
      byTenant: {},
    },
  };
  const backend: BackendReport = {
    ...{ name: 'main', adapter: 'intuned', state: 'unauthorised', sinceMs: nowMs - 150_000, liveRuns: 37 },
    impaired: [],
    lastFault: { atMs: nowMs, operation: 'observe', httpStatus: 401, fault: 'invalid api key', runId: null },
    calls: { calls: 0, failed: 0, p50Ms: null, p95Ms: null },
    budget: { requestsPerSecond: null, requestsInUse: 0, maxConcurrentRuns: null, runsHeld: 0 },
    ...{ queue: { calls: 0, starts: 0 }, probeInMs: null, stop: null, agents: [], elsewhere: [] },
  };
  const group = (changes: Partial<RunGroup>): RunGroup => ({
    ...{ agentId: 'a', agentName: 'a', backend: 'main', tenant: 't', phase: 'queued', status: 'pending' },
    ...{ count: 1, oldestMs: nowMs, ...changes },
  });
  const replica = (changes: Partial<NeedsInput['replicas'][number]>): NeedsInput['replicas'][number] => ({
    ...{ replica: 'r-1', isSelf: false, isAlive: false, beatAtMs: nowMs, runs: 3, shouldDrain: false, report: null },
    ...changes,
  });
  const needsOf = (changes: Partial<NeedsInput>) =>
    listNeeds({
      ...{ nowMs, backends: [], stops: [], groups: [], unknownStarts: totals, givenUp: 0, maxDeliveries: 100 },
      ...{
        storeAwaySinceMs: null,
        refusal: null,
        replicas: [],
        liveRuns: [],
        unmappable: totals,
        newestUnmappable: null,
      },
      ...changes,
    }).map(({ text }) => text);

  test.each<readonly [string, Partial<NeedsInput>, readonly string[]]>([
    [
      'a backend that refuses our credentials',
      { backends: [backend] },
      ['main has refused our credentials for 2 min, with 37 live runs here: invalid api key'],
    ],
    ['a backend that is well', { backends: [{ ...backend, state: 'ok' }] }, []],
    [
      'starts of unknown outcome',
      { unknownStarts: { ...totals, count: 2, oldestMs: 1 } },
      ['2 runs of the last hour ended with 1002: it is not known whether the vendor started them'],
    ],
    ['a short queue', { groups: [group({})] }, []],
    [
      'a long queue',
      { groups: [group({ count: 2, oldestMs: nowMs - 7_300_000 })] },
      ['2 runs wait for main; the oldest for 2 h 1 min'],
    ],
    [
      'a question',
      { groups: [group({ phase: 'interrupted', oldestMs: nowMs - 60_000 })] },
      ['1 run waits for an answer; the oldest is 60 s old'],
    ],
    [
      'a backend that is paused for some tenants',
      {
        backends: [
          {
            ...backend,
            state: 'paused',
            impaired: [
              { tenants: ['a', 'b', 'c', 'd'], state: 'paused' },
              { tenants: ['e'], state: 'degraded' },
            ],
          },
        ],
      },
      [
        'main for a, b, c and 1 more has been paused, as it asked for, for 2 min, with 37 live runs here: invalid api key',
      ],
    ],
    [
      'a store that is away',
      { storeAwaySinceMs: nowMs - 8000 },
      [
        'the store has not answered for 8 s: no runs are taken or started, and what the vendors answer is kept until it does',
      ],
    ],
    [
      'a replica that is silent',
      { replicas: [replica({ beatAtMs: nowMs - 30_000 }), replica({ isAlive: true })] },
      ['replica r-1 has not been heard for 30 s; 3 runs of it wait to be claimed'],
    ],
    ['a replica that has been gone for hours', { replicas: [replica({ beatAtMs: nowMs - 7_200_000, runs: 0 })] }, []],
    [
      'statuses that a mapping does not have',
      {
        liveRuns: [
          { unknownStatus: { agentName: 'scraper', vendorStatus: 'Paused', nearest: 'paused' } },
          { unknownStatus: null },
          { unknownStatus: { agentName: 'scraper', vendorStatus: 'Paused', nearest: 'paused' } },
        ],
      },
      [
        '2 live runs of scraper here with the status "Paused" of the vendor, which is not in the mapping (it has "paused"): pending until their deadline',
      ],
    ],
    ['deliveries that were given up', { givenUp: 100 }, ['at least 100 deliveries of webhooks were given up']],
    ['one that was given up', { givenUp: 1 }, ['1 delivery of webhooks was given up']],
  ])('%s is said so', (_, input, texts) => {
    expect(needsOf(input)).toEqual(texts);
  });
});
