import { describe, expect, test } from 'vitest';
import type { UpstreamFault } from '../../src/contract/adapter/http.ts';
import { openRig, type Rig } from './engine-rig.ts';
import { fault, type ScriptedVendor } from './scripted-vendor.ts';

const running = { status: 'running' };

/** What the vendor answers to polls of two runs, or to starts, and how the backend is then. */
type Row = {
  readonly polls?: ScriptedVendor['observeScript'];
  readonly starts?: readonly UpstreamFault[];
  readonly state: string;
  readonly runs: number;
};

const hung = fault('unknown', { kind: 'timeout', message: 'the vendor did not answer in time' });
const rows: Readonly<Record<string, Row>> = {
  'polls that are answered': { polls: [running], state: 'ok', runs: 0 },
  'polls that are answered 500': { polls: [fault('retry', { httpStatus: 500 })], state: 'degraded', runs: 2 },
  'polls that are answered 503 without Retry-After': {
    polls: [fault('retry', { httpStatus: 503 })],
    state: 'degraded',
    runs: 2,
  },
  'polls whose answers are too large': {
    polls: [fault('retry', { kind: 'too-large', vendorStatus: 'running' })],
    state: 'degraded',
    runs: 2,
  },
  'polls that are answered 401': { polls: [fault('retry', { httpStatus: 401 })], state: 'unauthorised', runs: 2 },
  'polls that are answered 403': { polls: [fault('retry', { httpStatus: 403 })], state: 'unauthorised', runs: 2 },
  'polls that are answered 404': { polls: [fault('gone', { httpStatus: 404 })], state: 'ok', runs: 0 },
  'polls that are answered 400': { polls: [fault('retry', { httpStatus: 400 })], state: 'ok', runs: 0 },
  'polls that are answered 429 with Retry-After': {
    polls: [fault('retry', { httpStatus: 429, retryAfterMs: 60_000 })],
    state: 'paused',
    runs: 2,
  },
  'polls that are refused': { polls: [fault('retry', { kind: 'refused' })], state: 'down', runs: 2 },
  'starts that are answered 401': {
    starts: [fault('rejected', { httpStatus: 401 }), fault('rejected', { httpStatus: 401 })],
    state: 'unauthorised',
    runs: 0,
  },
  'starts that hang': { starts: [hung, hung], state: 'degraded', runs: 0 },
  'starts that are answered 422': {
    starts: [fault('rejected', { httpStatus: 422 }), fault('rejected', { httpStatus: 422 })],
    state: 'ok',
    runs: 0,
  },
};

const changes = (rig: Rig) =>
  rig.logged
    .filter(({ message }) => message === 'backend state changed')
    .map(({ level, fields }) => [level, fields.before, fields.state]);

async function open({ polls = [running], starts = [] }: Partial<Row>): Promise<Rig> {
  const rig = await openRig();
  rig.vendor.observeScript.push(...polls);
  rig.vendor.startScript.push(...starts);
  await rig.create();
  await rig.create();
  return rig;
}

describe('how a backend is', () => {
  test.each(Object.entries(rows))('%s are seen in the state of the backend and in the log', async (_name, row) => {
    const rig = await open(row);
    const openedMs = rig.clock.nowMs();
    await rig.clock.advance(15_000);
    const [backend] = rig.engine.backends();
    expect(backend).toMatchObject({ name: 'scripted', state: row.state, runs: row.runs });
    expect(backend?.sinceMs).toBeGreaterThanOrEqual(openedMs);
    expect(backend?.sinceMs).toBeLessThan(openedMs + 15_000);
    const last = changes(rig).at(-1);
    expect(last).toEqual(row.state === 'ok' ? undefined : ['warn', expect.any(String), row.state]);
    await rig.close();
  });

  test.each(Object.entries(rows).filter(([, { state, polls }]) => state !== 'ok' && polls !== undefined))(
    '%s are over with the first answers, which the log has with how long they lasted',
    async (_name, row) => {
      const rig = await open(row);
      await rig.clock.advance(1000);
      rig.vendor.observeScript.splice(0, 9, running);
      await rig.clock.advance(180_000);
      expect(rig.engine.backends()).toMatchObject([{ state: 'ok', runs: 0 }]);
      const line = rig.logged.findLast(({ message }) => message === 'backend state changed');
      expect(line).toMatchObject({ level: 'info', fields: { state: 'ok' } });
      expect(line?.fields.before_ms).toBeGreaterThan(0);
      await rig.close();
    },
  );

  test('a run that ends no longer counts', async () => {
    const rig = await open({ polls: [fault('retry', { httpStatus: 500 })] });
    await rig.clock.advance(5000);
    rig.vendor.observeScript.splice(0, 9, { status: 'success', output: 1 });
    await rig.clock.advance(60_000);
    expect(rig.engine.backends()).toMatchObject([{ state: 'ok', runs: 0 }]);
    await rig.close();
  });

  test('a backend whose calls fail now and then is said to be degraded five times in ten minutes at most', async () => {
    const rig = await openRig();
    const polls = Array.from({ length: 400 }, (_, n) => (n % 2 === 0 ? fault('retry', { httpStatus: 500 }) : running));
    rig.vendor.observeScript.push(...polls);
    const run = await rig.create();
    const stream = await rig.engine.api.runs.watch({ tenant: 'default', runId: run.runId }, 0);
    await rig.clock.advance(550_000);
    expect(rig.vendor.polls).toBeGreaterThan(100);
    const said = changes(rig);
    expect(said.filter(([level]) => level === 'warn')).toHaveLength(5);
    expect(said.filter(([level]) => level === 'info')).toHaveLength(5);
    await stream.return();
    await rig.close();
  });

  test('tenants with credentials of their own are told apart', async () => {
    const rig = await openRig({
      agent: { tenants: ['default', 'other'] },
      options: { accountsByTenant: { default: 'one', other: 'two' } },
    });
    rig.vendor.observeScript.push(fault('retry', { httpStatus: 401 }));
    await rig.create();
    await rig.clock.advance(5000);
    expect(rig.engine.backends()).toMatchObject([
      { state: 'unauthorised', runs: 1, impaired: [{ tenants: ['default'], state: 'unauthorised' }] },
    ]);
    await rig.close();
  });
});
