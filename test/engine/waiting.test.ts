import { describe, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, type RigOptions } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

/** What makes a run wait, and what is said of it until its deadline passes. */
type Wait = {
  readonly options?: RigOptions;
  readonly begin: (rig: Rig) => Promise<Run>;
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
    begin: async (rig) => {
      await createIn(rig, 'reject');
      return await createIn(rig, 'enqueue');
    },
    words: 'it had waited 60 seconds for an earlier run of its thread',
  },
  'a slot at its backend': {
    options: { options: { maxConcurrentRuns: 1 } },
    begin: async (rig) => {
      await rig.create();
      return await rig.create();
    },
    words: 'it had waited 60 seconds for a slot at its backend, whose maxConcurrentRuns is reached',
  },
  'a slot that it does not get': {
    options: { options: { maxConcurrentRuns: 1 }, others: [{ agentId: other, name: 'other', timeoutMs: 90_000 }] },
    begin: async (rig) => {
      await rig.create(undefined, 'other');
      return await rig.create();
    },
    words: 'it was waiting for a slot at its backend, whose maxConcurrentRuns is reached',
  },
  'a start that the vendor answers 429 for an hour': {
    begin: (rig) => {
      rig.vendor.startScript.push(fault('retry', { httpStatus: 429, retryAfterMs: 3_600_000 }));
      return rig.create();
    },
    words: `it was waiting for the vendor to take calls again, which it refused with 429 or 503${failed}`,
  },
  'a poll that the vendor answers 503 for an hour': {
    begin: (rig) => polled(rig, 'retry', { httpStatus: 503, retryAfterMs: 3_600_000 }),
    words: `it was waiting for the vendor to take calls again, which it refused with 429 or 503${failed}`,
  },
  'polls that are answered 401': {
    begin: (rig) => polled(rig, 'retry', { httpStatus: 401 }),
    words: `it was waiting for the vendor to accept the credentials, which it refused with 401 or 403${failed}`,
  },
  'polls that are answered 500': {
    begin: (rig) => polled(rig, 'retry', { httpStatus: 500 }),
    words: `it was waiting for the next attempt, because the last call to the vendor failed${failed}`,
  },
  'polls that are not answered': {
    begin: (rig) => polled(rig, 'retry', { kind: 'timeout' }),
    words: `it was waiting for the vendor, which did not answer several calls in a row${failed}`,
  },
};

describe('what a run waits for', () => {
  test.each(Object.entries(waits))(
    'the end of a run that waits for %s says so',
    async (_name, { options, ...wait }) => {
      const rig = await openRig({ agent: short, ...options });
      const run = await wait.begin(rig);
      await rig.clock.advance(60_000);
      const { status, outcome } = await rig.read(run);
      expect([status, outcome]).toMatchObject([
        'timeout',
        { description: `the run did not end within its 60 seconds: ${wait.words}` },
      ]);
      await rig.close();
    },
  );
});
