import { afterAll, describe, expect, test, vi } from 'vitest';
import { CronTimes } from '../../src/config/cron-times.ts';
import type { Fire, Schedule } from '../../src/contract/domain/schedule.ts';
import type { Store } from '../../src/contract/store/store.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { openRig, type Rig, type RigOptions } from './engine-rig.ts';
import { KillPoints } from './kill-points.ts';
import { ScriptedVendor } from './scripted-vendor.ts';
import { VirtualClock } from './virtual-clock.ts';

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];
/** A store compares the expiry of names with its own clock, so the tests are ahead of it. */
const newYear = Date.UTC(2096, 0, 1);

type Written = Partial<Omit<Schedule, 'times'>>;

function schedule(written: Written = {}): Schedule {
  const { cron = '0 * * * *', timeZone = 'UTC' } = written;
  return {
    ...{ name: 'hourly', tenant: 'acme', agent: 'scripted', input: { page: 1 }, metadata: { team: 'blue' } },
    ...{ overlap: 'allow', missed: 'one', enabled: true, ...written, cron, timeZone },
    times: new CronTimes(cron, timeZone),
  };
}

function clockAt(atMs: number): VirtualClock {
  const clock = new VirtualClock();
  clock.stepWall(atMs - clock.nowMs());
  return clock;
}

/** A rig at an instant, which has taken up its schedules. */
async function openAt(written: Written, options: RigOptions & { readonly atMs?: number } = {}): Promise<Rig> {
  const one = schedule(written);
  const vendor = new ScriptedVendor();
  vendor.observeScript.push({ status: 'success', output: 1 });
  const { atMs = newYear, ...others } = options;
  const rig = await openRig({ vendor, clock: clockAt(atMs), schedules: () => [one], ...others });
  await rig.clock.advance(0);
  return rig;
}

/** A vendor whose runs go on until the test says otherwise. */
function busy(): ScriptedVendor {
  return new ScriptedVendor();
}

async function runsOf(store: Store, tenant = 'acme') {
  const runs: { readonly atMs: number; readonly runId: string; readonly metadata: unknown }[] = [];
  for await (const { rows } of store.search({ tenant, limit: 1000, offset: 0 }))
    for (const { createdAtMs, runId, request } of rows)
      runs.push({ atMs: createdAtMs, runId, metadata: request.metadata });
  return runs.reverse();
}

async function lastOf(rig: Rig): Promise<Fire | null> {
  return (await rig.store.schedules.list())[0]?.last ?? null;
}

describe('a schedule', () => {
  test('a schedule makes one run at each of its times, with its input, its tenant and its name in the metadata', async () => {
    const rig = await openAt({});
    await rig.clock.advance(3 * hourMs + minuteMs);
    const runs = await runsOf(rig.store);
    expect(runs.map(({ atMs }) => atMs - newYear)).toEqual([hourMs, 2 * hourMs, 3 * hourMs]);
    expect(runs[0]?.metadata).toEqual({ team: 'blue', 'rungate.schedule': 'hourly' });
    expect(rig.vendor.starts).toEqual([{ page: 1 }, { page: 1 }, { page: 1 }]);
    expect(await lastOf(rig)).toEqual({
      atMs: newYear + 3 * hourMs,
      outcome: 'started',
      runId: runs[2]?.runId,
      detail: null,
    });
    expect(rig.counts.get('schedule_fires')).toBe(3);
    await rig.close();
  });

  test('a schedule that is new makes no run for times before it, and one whose times are changed begins anew', async () => {
    let now = schedule({ cron: '0 0 * * *' });
    const rig = await openAt({}, { atMs: newYear + hourMs, schedules: () => [now] });
    await rig.clock.advance(minuteMs);
    now = schedule({ cron: '30 0 * * *' });
    rig.engine.reconfigure({ backends: [] });
    await rig.clock.advance(minuteMs);
    expect(await runsOf(rig.store)).toEqual([]);
    await rig.clock.advance(dayMs);
    expect((await runsOf(rig.store)).map(({ atMs }) => atMs - newYear)).toEqual([dayMs + 30 * minuteMs]);
    await rig.close();
  });

  test('a schedule of another config is taken up at once, not with the next look', async () => {
    let all: readonly Schedule[] = [];
    const rig = await openAt({}, { atMs: newYear + hourMs - 5000, schedules: () => all });
    all = [schedule()];
    rig.engine.reconfigure({ backends: [] });
    await rig.clock.advance(6000);
    expect(await runsOf(rig.store)).toHaveLength(1);
    await rig.close();
  });

  test('with overlap: skip no run is made while the last one is live', async () => {
    const rig = await openAt({ overlap: 'skip' }, { vendor: busy(), agent: { timeoutMs: 10 * dayMs } });
    await rig.clock.advance(3 * hourMs + minuteMs);
    const runs = await runsOf(rig.store);
    expect(runs).toHaveLength(1);
    const detail = `run ${runs[0]?.runId} is live`;
    expect(await lastOf(rig)).toEqual({ atMs: newYear + 3 * hourMs, outcome: 'overlapped', runId: null, detail });
    rig.vendor.observeScript.push({ status: 'success', output: 1 });
    await rig.clock.advance(hourMs);
    expect((await runsOf(rig.store)).map(({ atMs }) => atMs - newYear)).toEqual([hourMs, 4 * hourMs]);
    await rig.close();
  });

  test('with overlap: queue one run is made when the last one has ended, however many times have passed and however late', async () => {
    const rig = await openAt(
      { overlap: 'queue', missed: 'skip' },
      { vendor: busy(), agent: { timeoutMs: 10 * dayMs } },
    );
    await rig.clock.advance(3.5 * hourMs);
    expect(await runsOf(rig.store)).toHaveLength(1);
    rig.vendor.observeScript.push({ status: 'success', output: 1 });
    await rig.clock.advance(minuteMs);
    const atMs = (await runsOf(rig.store)).map((run) => run.atMs - newYear);
    expect(atMs).toHaveLength(2);
    expect(atMs[1]).toBeGreaterThan(3.5 * hourMs);
    expect(await lastOf(rig)).toMatchObject({ atMs: newYear + 3 * hourMs, outcome: 'started' });
    await rig.close();
  });

  test('with overlap: allow a run is made whatever others there are', async () => {
    const rig = await openAt({ overlap: 'allow' }, { vendor: busy(), agent: { timeoutMs: 10 * dayMs } });
    await rig.clock.advance(3 * hourMs + minuteMs);
    expect(await runsOf(rig.store)).toHaveLength(3);
    await rig.close();
  });

  test.each([
    ['one', 3.4 * dayMs, 2, 'started'],
    ['skip', 3.4 * dayMs, 1, 'missed'],
    // Shorter than what counts as missed: a restart, or the time until another replica takes over.
    ['skip', hourMs - 30_000, 2, 'started'],
  ] as const)(
    'with missed: %s a gateway that was away for %i ms has made %i runs',
    async (missed, awayMs, made, outcome) => {
      const rig = await openAt({ missed });
      await rig.clock.advance(hourMs + minuteMs);
      const next = await rig.crash(undefined, awayMs);
      await next.clock.advance(1000);
      expect(await runsOf(next.store)).toHaveLength(made);
      const atMs = Math.floor(next.clock.nowMs() / hourMs) * hourMs;
      expect(await lastOf(next)).toMatchObject({ atMs, outcome });
      await next.close();
    },
  );

  test('a schedule that is disabled makes no run, and none for those times once it is enabled', async () => {
    let enabled = false;
    const times = schedule();
    const rig = await openAt({}, { schedules: () => [{ ...times, enabled }] });
    await rig.clock.advance(2 * hourMs + minuteMs);
    expect(await lastOf(rig)).toMatchObject({ outcome: 'disabled' });
    enabled = true;
    rig.engine.reconfigure({ backends: [] });
    await rig.clock.advance(minuteMs);
    expect(await runsOf(rig.store)).toEqual([]);
    await rig.clock.advance(hourMs);
    expect(await runsOf(rig.store)).toHaveLength(1);
    await rig.close();
  });

  test('a run that cannot be made is recorded with the reason, and the next time is tried again', async () => {
    const rig = await openAt({ agent: 'nobody' });
    await rig.clock.advance(2 * hourMs + minuteMs);
    const detail = 'agent_not_found: "nobody"';
    expect(await lastOf(rig)).toEqual({ atMs: newYear + 2 * hourMs, outcome: 'refused', runId: null, detail });
    expect(rig.logged.filter(({ message }) => message === 'schedule made no run')).toHaveLength(2);
    await rig.close();
  });

  test.each([
    // 25 March: 02:30 is left out; the run comes when the clocks have gone on, at 01:00 UTC.
    ['30 2 * * *', Date.UTC(2096, 2, 24, 1), ['2096-03-24T01:30', '2096-03-25T01:00', '2096-03-26T00:30']],
    // 28 October: 02:30 comes twice, and is one time.
    ['30 2 * * *', Date.UTC(2096, 9, 27, 0), ['2096-10-27T00:30', '2096-10-28T00:30', '2096-10-29T01:30']],
  ])(
    'a daily schedule in Berlin makes one run on the day when the clocks change (%s from %i)',
    async (cron, atMs, expected) => {
      const rig = await openAt({ cron, timeZone: 'Europe/Berlin' }, { atMs });
      await rig.clock.advance(2 * dayMs + 2 * hourMs);
      const made = (await runsOf(rig.store)).map((run) => new Date(run.atMs).toISOString().slice(0, 16));
      expect(made).toEqual(expected);
      await rig.close();
    },
  );

  test('the name of a time is kept for a day after the time that follows it, when it can be decided no more', async () => {
    const kept: (number | undefined)[] = [];
    const rig = await openAt(
      { cron: '0 0 * * 1' },
      {
        wrapStore: (store) => {
          const insert = store.insertWithin.bind(store);
          store.insertWithin = (run, events, terms) => {
            kept.push(terms.idempotency?.expiresAtMs);
            return insert(run, events, terms);
          };
          return store;
        },
      },
    );
    await rig.clock.advance(dayMs + minuteMs);
    // Monday the 2nd; the next is the 9th.
    expect(kept).toEqual([Date.UTC(2096, 0, 10)]);
    await rig.close();
  });

  test('a process that dies at any place around a time leaves exactly one run for it', async () => {
    const places: string[] = [];
    for (let killAt = 0; ; killAt += 1) {
      const points = new KillPoints(killAt);
      let rig = await openAt({}, { wrapStore: (store) => points.around(store) });
      points.arm();
      await rig.clock.advance(hourMs + 1000);
      points.disarm();
      const { hasKilled } = points;
      if (hasKilled) rig = await rig.crash();
      await rig.clock.advance(minuteMs);
      expect({ killed: points.where, runs: await runsOf(rig.store) }).toMatchObject({ runs: [{}] });
      expect(await lastOf(rig)).toMatchObject({ atMs: newYear + hourMs, outcome: 'started' });
      await rig.close();
      if (!hasKilled) break;
      places.push(points.where);
    }
    expect(places).toEqual(
      expect.arrayContaining([
        ...['before insertWithin', 'after insertWithin'],
        ...['before schedules.decide', 'after schedules.decide'],
      ]),
    );
  });
});

const postgres = await startPostgres();
const reason = postgres instanceof PostgresServer ? null : postgres.unavailable;

describe.skipIf(reason !== null)(`a schedule over two replicas${reason === null ? '' : ` (${reason})`}`, () => {
  const server = postgres as PostgresServer;
  afterAll(async () => {
    if (reason === null) await server.destroy();
  });

  test('two replicas make one run at each time between them, and the one that is left goes on', {
    timeout: 60_000,
  }, async () => {
    const patience = { timeout: 20_000, interval: 10 };
    const storeUrl = await server.createDatabase();
    const clock = clockAt(newYear);
    const one = await openAt({}, { storeUrl, clock });
    const two = await openAt({}, { storeUrl, clock });
    const decided = async (hours: number) => {
      await vi.waitFor(async () => {
        await clock.advance(0);
        expect(await lastOf(two)).toMatchObject({ atMs: newYear + hours * hourMs, outcome: 'started' });
      }, patience);
    };
    await vi.waitFor(async () => expect(await two.store.schedules.list()).toHaveLength(1), patience);
    for (let hours = 1; hours <= 5; hours += 1) {
      await clock.advance(newYear + hours * hourMs + 1000 - clock.nowMs());
      await decided(hours);
    }
    await one.close();
    await clock.advance(newYear + 6 * hourMs + 1000 - clock.nowMs());
    await decided(6);
    expect(await runsOf(two.store)).toHaveLength(6);
    const fires = [one, two].map(({ counts }) => counts.get('schedule_fires') ?? 0);
    expect(fires.reduce((sum, count) => sum + count)).toBe(6);
    await two.close();
  });
});
