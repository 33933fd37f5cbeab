import { describe, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import type { WaitingCause } from '../../src/contract/domain/waiting.ts';
import { kinds, openRig, type Rig, type RigOptions } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

/** What makes a run wait, and what is said of it until its deadline passes. */
type Wait = {
  readonly options?: RigOptions;
  readonly begin: (rig: Rig) => Promise<Run>;
  readonly cause: WaitingCause;
  /** How long it is said to go on, twenty-five seconds after its beginning. */
  readonly forMs: number | null;
  readonly phase?: 'running' | 'resuming';
  readonly words: string;
};

const short = { timeoutMs: 60_000 };
const other = '00000000-0000-5000-8000-000000000002';
const thread = '11111111-1111-4111-8111-111111111111';

async function createIn(rig: Rig, whenBusy: 'reject' | 'enqueue'): Promise<Run> {
  const join = { threadId: thread, ifNotExists: 'create', whenBusy } as const;
  return (await rig.engine.api.runs.create({ tenant: 'default', agent: undefined, request: {}, thread: join })).run;
}

async function polled(rig: Rig, ...script: Parameters<typeof fault>): Promise<Run> {
  rig.vendor.observeScript.push(fault(...script));
  return await rig.create();
}

/** The scripted vendor says so of every fault. */
const failed = '; the last call to the vendor failed: the vendor answered 500';

const waits: Readonly<Record<string, Wait>> = {
  'an earlier run of its thread': {
    cause: 'thread-busy',
    forMs: null,
    begin: async (rig) => {
      await createIn(rig, 'reject');
      // The deadline of the first run comes first.
      await rig.clock.advance(1);
      return await createIn(rig, 'enqueue');
    },
    words: 'it had waited 60 seconds for an earlier run of its thread',
  },
  'a slot at its backend': {
    cause: 'max-concurrent-runs',
    forMs: null,
    options: { options: { maxConcurrentRuns: 1 } },
    begin: async (rig) => {
      await rig.create();
      await rig.clock.advance(1);
      return await rig.create();
    },
    words: 'it had waited 60 seconds for a slot at its backend, whose maxConcurrentRuns is reached',
  },
  'a slot that it does not get': {
    cause: 'max-concurrent-runs',
    forMs: null,
    options: { options: { maxConcurrentRuns: 1 }, others: [{ agentId: other, name: 'other', timeoutMs: 90_000 }] },
    begin: async (rig) => {
      await rig.create(undefined, 'other');
      return await rig.create();
    },
    words: 'it was waiting for a slot at its backend, whose maxConcurrentRuns is reached',
  },
  'a start that the vendor answers 429 for an hour': {
    cause: 'rate-limited',
    forMs: 275_000,
    begin: (rig) => {
      rig.vendor.startScript.push(fault('retry', { httpStatus: 429, retryAfterMs: 3_600_000 }));
      return rig.create();
    },
    words: `it was waiting for the vendor to take calls again, which it refused with 429 or 503${failed}`,
  },
  'a poll that the vendor answers 503 for an hour': {
    cause: 'rate-limited',
    forMs: null,
    phase: 'running',
    begin: (rig) => polled(rig, 'retry', { httpStatus: 503, retryAfterMs: 3_600_000 }),
    words: `it was waiting for the vendor to take calls again, which it refused with 429 or 503${failed}`,
  },
  'a start that the vendor answers 425 for an hour': {
    cause: 'vendor-fault',
    forMs: 3_935_000,
    begin: (rig) => {
      rig.vendor.startScript.push(fault('retry', { httpStatus: 425, retryAfterMs: 3_600_000 }));
      return rig.create();
    },
    words: `it was waiting for the next attempt, because the last call to the vendor failed${failed}`,
  },
  'a poll that the vendor answers 404 with Retry-After: 3600': {
    options: { agent: { lostAfterMs: 7_200_000 } },
    cause: 'vendor-fault',
    forMs: null,
    phase: 'running',
    begin: (rig) => polled(rig, 'gone', { httpStatus: 404, retryAfterMs: 3_600_000 }),
    words: `it was waiting for the next attempt, because the last call to the vendor failed${failed}`,
  },
  'a payload that the vendor answers 503 for an hour': {
    cause: 'rate-limited',
    forMs: null,
    phase: 'resuming',
    begin: async (rig) => {
      rig.vendor.observeScript.push({ status: 'running', question: 'go?' });
      rig.vendor.resumeScript.push(fault('retry', { httpStatus: 503, retryAfterMs: 3_600_000 }));
      const run = await rig.create();
      await rig.clock.advance(500);
      await rig.engine.api.runs.resume({ tenant: 'default', runId: run.runId }, 'yes');
      return run;
    },
    words: `it was waiting for the vendor to take calls again, which it refused with 429 or 503${failed}`,
  },
  'a turn for its start': {
    options: { options: { requestsPerSecond: 0.001 } },
    cause: 'budget',
    forMs: null,
    begin: async (rig) => {
      rig.vendor.startScript.push(fault('rejected'));
      await rig.create();
      return await rig.create();
    },
    words: "it was waiting for its turn within the backend's requestsPerSecond",
  },
  'polls that are answered 401': {
    cause: 'unauthorised',
    forMs: null,
    phase: 'running',
    begin: (rig) => polled(rig, 'retry', { httpStatus: 401 }),
    words: `it was waiting for the vendor to accept the credentials, which it refused with 401 or 403${failed}`,
  },
  'polls that are answered 500': {
    cause: 'vendor-fault',
    forMs: null,
    phase: 'running',
    begin: (rig) => polled(rig, 'retry', { httpStatus: 500 }),
    words: `it was waiting for the next attempt, because the last call to the vendor failed${failed}`,
  },
  'a worker that the vendor does not have': {
    cause: 'vendor-stuck',
    forMs: null,
    phase: 'running',
    begin: (rig) => {
      rig.vendor.observeScript.push({ status: 'running', stuck: 'no worker has taken it up' });
      return rig.create();
    },
    words: 'at the vendor, no worker has taken it up',
  },
  'polls that are not answered': {
    cause: 'circuit-open',
    forMs: null,
    phase: 'running',
    begin: (rig) => polled(rig, 'retry', { kind: 'timeout' }),
    words: `it was waiting for the vendor, which did not answer several calls in a row${failed}`,
  },
};

const ends = Object.entries(waits);

describe('what a run waits for', () => {
  test.each(ends)('the end of a run that waits for %s says so', async (_name, { options, ...wait }) => {
    const rig = await openRig({ ...options, agent: { ...short, ...options?.agent } });
    const run = await wait.begin(rig);
    await rig.clock.advance(60_000);
    const { status, outcome, waiting } = await rig.read(run);
    expect([status, outcome, waiting]).toMatchObject([
      'timeout',
      { description: `the run did not end within its 60 seconds: ${wait.words}` },
      undefined,
    ]);
    await rig.close();
  });

  test.each(ends)(
    'a run that waits for %s says so once in its events, and whenever it is read',
    async (_name, wait) => {
      const rig = await openRig({ ...wait.options, agent: { timeoutMs: 3_600_000, ...wait.options?.agent } });
      const run = await wait.begin(rig);
      const noted = async () => (await rig.events(run)).filter(({ change }) => 'waiting' in change);
      const { phase = 'queued', cause, forMs } = wait;
      await rig.clock.advance(25_000);
      const { waiting } = await rig.read(run);
      expect(waiting?.cause).toBe(cause);
      if (forMs !== null) expect((waiting?.retryAtMs ?? 0) - rig.clock.nowMs()).toBeCloseTo(forMs, -2);
      const events = await noted();
      const words = wait.words
        .replace(failed, '')
        .replace(/^it (was waiting|had waited \d+ seconds) for/, 'waiting for');
      expect(events.map(({ change }) => change)).toContainEqual({ kind: 'phase', phase, note: words, waiting: cause });
      // For readers that do not drive the run.
      expect((await rig.store.find({ tenant: 'default', runId: run.runId }))?.waiting?.cause).toBe(cause);
      await rig.clock.advance(250_000);
      const causes = (await noted()).map(({ change }) => (change.kind === 'phase' ? change.waiting : null));
      expect(causes).toEqual([...new Set(causes)]);
      const all = await rig.events(run);
      expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
      await rig.close();
    },
  );

  test('a delay that its client asked for is said from the answer to the creation on, and is over with it', async () => {
    const rig = await openRig();
    const run = await rig.create({ input: {}, afterMs: 8000 });
    expect(run.waiting).toEqual({ cause: 'after-seconds', retryAtMs: run.createdAtMs + 8000 });
    await rig.clock.advance(5000);
    expect((await rig.read(run)).waiting).toEqual({ cause: 'after-seconds', retryAtMs: run.createdAtMs + 8000 });
    await rig.clock.advance(4000);
    expect((await rig.read(run)).waiting).toBeUndefined();
    expect(kinds(await rig.events(run))).toEqual(['queued', 'queued', 'running']);
    expect(rig.vendor.starts).toHaveLength(1);
    await rig.close();
  });

  test('a wait that is over within a second is no event', async () => {
    const rig = await openRig({ options: { maxConcurrentRuns: 1 } });
    rig.vendor.observeScript.push({ status: 'success', output: 1 });
    await rig.create();
    const run = await rig.create();
    expect(run.waiting).toEqual({ cause: 'max-concurrent-runs', retryAtMs: null });
    await rig.clock.advance(5000);
    expect(kinds(await rig.events(run))).toEqual(['queued', 'running', 'result']);
    await rig.close();
  });

  test('a recorded wait of a running run is taken back once its polls are answered again', async () => {
    const rig = await openRig();
    rig.vendor.observeScript.push(fault('retry', { httpStatus: 401 }));
    const run = await rig.create();
    const stored = async () => (await rig.store.find({ tenant: 'default', runId: run.runId }))?.waiting;
    await rig.clock.advance(10_000);
    expect(await stored()).toMatchObject({ cause: 'unauthorised' });
    rig.vendor.observeScript.splice(0, 1, { status: 'running' });
    await rig.clock.advance(60_000);
    expect([await stored(), (await rig.read(run)).waiting]).toEqual([undefined, undefined]);
    await rig.close();
  });

  test('a cause that comes and goes is an event once, and is recorded each time', async () => {
    const rig = await openRig();
    const run = await rig.create();
    const stored = async () => (await rig.store.find({ tenant: 'default', runId: run.runId }))?.waiting?.cause;
    const causes: (string | undefined)[] = [];
    for (let round = 0; round < 3; round += 1) {
      rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, fault('retry', { httpStatus: 401 }));
      await rig.clock.advance(60_000);
      causes.push(await stored());
      rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, { status: 'running' });
      await rig.clock.advance(120_000);
      causes.push(await stored());
    }
    const one = ['unauthorised', undefined];
    expect(causes).toEqual([...one, ...one, ...one]);
    const noted = (await rig.events(run)).flatMap(({ change }) => ('waiting' in change ? [change.waiting] : []));
    expect(noted).toEqual(['unauthorised']);
    await rig.close();
  });

  test('a note about a wait hastens no retry that the vendor asked to come later', async () => {
    const rig = await openRig();
    rig.vendor.startScript.push(fault('retry', { httpStatus: 425, retryAfterMs: 20_000 }));
    const run = await rig.create();
    await rig.clock.advance(19_999);
    expect((await rig.events(run)).map(({ change }) => 'waiting' in change)).toContain(true);
    expect(rig.vendor.starts).toHaveLength(1);
    await rig.clock.advance(5000);
    expect(rig.vendor.starts).toHaveLength(2);
    await rig.close();
  });

  test('a thousand runs that wait are noted a hundred at a time, and their causes are known at once', async () => {
    const rig = await openRig({ options: { maxConcurrentRuns: 1 } });
    const runs: Run[] = [];
    for (let index = 0; index < 300; index += 1) runs.push(await rig.create());
    expect(runs.filter(({ waiting }) => waiting?.cause === 'max-concurrent-runs')).toHaveLength(299);
    const noted = async () => {
      const all = await Promise.all(runs.map((run) => rig.events(run)));
      return all.filter((events) => events.some(({ change }) => 'waiting' in change)).length;
    };
    await rig.clock.advance(2100);
    expect(await noted()).toBe(100);
    await rig.clock.advance(3000);
    expect(await noted()).toBe(299);
    await rig.close();
  });
});
