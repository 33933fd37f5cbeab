import { describe, expect, test } from 'vitest';
import type { UpstreamFault } from '../../src/contract/adapter/http.ts';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { openRig, type Rig } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

type Answer = UpstreamFault | Json;

const tooLarge = fault('retry', { kind: 'too-large', message: "the vendor's answer is larger than 2000 bytes" });
const noJson = fault('retry', { kind: 'malformed', message: "the vendor's answer is not JSON" });
const otherShape = fault('retry', { kind: 'malformed', message: "the vendor's answer has not the expected shape" });
const refused = fault('retry', { httpStatus: 401, message: 'bad key' });
const forbidden = fault('retry', { httpStatus: 403, message: 'not yours' });
const broken = fault('retry', { httpStatus: 500, message: 'boom' });
const running = { status: 'running' };

function saying(vendorStatus: string, kind: 'too-large' | 'malformed'): UpstreamFault {
  return fault('retry', { kind, message: 'unreadable', vendorStatus });
}

/** What the vendor answers, the last answer for ever; how the run ends, and after how many polls. */
type Row = {
  readonly answers: readonly Answer[];
  readonly errcode: number;
  readonly says: RegExp;
  readonly polls?: number;
};

const minute = 60_000;

const rows: Readonly<Record<string, Row>> = {
  'three answers that are too large': {
    answers: [tooLarge],
    errcode: errcodes.answerTooLarge,
    says: /larger than 2000 bytes/,
    polls: 3,
  },
  'three answers that are no JSON': {
    answers: [running, noJson],
    errcode: errcodes.answerUnreadable,
    says: /not JSON/,
    polls: 4,
  },
  'three answers of another shape': {
    answers: [otherShape],
    errcode: errcodes.answerUnreadable,
    says: /expected shape/,
    polls: 3,
  },
  'answers that cannot be read for different reasons, and then three for one': {
    answers: [noJson, otherShape, noJson, broken, noJson],
    errcode: errcodes.answerUnreadable,
    says: /not JSON/,
    polls: 7,
  },
  'one answer that is too large and says that the run succeeded': {
    answers: [saying('success', 'too-large')],
    errcode: errcodes.answerTooLarge,
    says: /"success"/,
    polls: 1,
  },
  'one answer that is no text and says that the run failed': {
    answers: [saying('error', 'malformed')],
    errcode: errcodes.answerUnreadable,
    says: /"error"/,
    polls: 1,
  },
  'answers that are too large and say a status that the mapping does not have': {
    answers: [saying('pondering', 'too-large')],
    errcode: errcodes.answerTooLarge,
    says: /"pondering"/,
    polls: 3,
  },
  'answers that are too large of a run that goes on': {
    answers: [saying('running', 'too-large')],
    errcode: errcodes.deadline,
    says: /the last call to the vendor failed: unreadable$/,
  },
  '401 for longer than the patience': {
    answers: [refused],
    errcode: errcodes.unauthorised,
    says: /has answered 401 for 300 seconds.*: bad key$/,
  },
  '403 for longer than the patience': {
    answers: [running, forbidden],
    errcode: errcodes.unauthorised,
    says: /has answered 403 for 300 seconds.*: not yours$/,
  },
  '401 and 500 in turn': {
    answers: [refused, broken, refused, broken, refused],
    errcode: errcodes.unauthorised,
    says: /bad key/,
  },
  '500 for ever': {
    answers: [broken],
    errcode: errcodes.deadline,
    says: /did not end within its 900 seconds: .*; the last call to the vendor failed: boom$/,
  },
  'a status that the mapping does not have': {
    answers: [{ status: 'pondering' }],
    errcode: errcodes.deadline,
    says: /: the vendor's status was "pondering", which is not in the status table of the mapping$/,
  },
  'a status in capitals': {
    answers: [{ status: 'SUCCESS' }],
    errcode: errcodes.deadline,
    says: /"SUCCESS", which is not in the status table of the mapping, which has "success"$/,
  },
  'a status in another spelling': {
    answers: [{ status: 'sucess' }],
    errcode: errcodes.deadline,
    says: /"sucess", which .*, which has "success"$/,
  },
  'a status of three MiB': {
    answers: [{ status: 'x'.repeat(3 * 1024 * 1024) }],
    errcode: errcodes.deadline,
    says: /… \(3145728 characters\)"/,
  },
  'a status that the mapping does not have, and then no answer': {
    answers: [{ status: 'pondering' }, fault('retry', { kind: 'timeout', message: 'no answer' })],
    errcode: errcodes.deadline,
    says: /the last call to the vendor failed: no answer; the vendor's status was "pondering"/,
  },
  'a run that goes on': {
    answers: [running],
    errcode: errcodes.deadline,
    says: /^the run did not end within its 900 seconds$/,
  },
  'a question that no client answers': {
    answers: [{ status: 'running', question: 'go?' }],
    errcode: errcodes.deadline,
    says: /: it was waiting for its client to send a payload$/,
  },
};

const agent = { timeoutMs: 15 * minute, unauthorisedAfterMs: 5 * minute };

async function ended(rig: Rig, answers: readonly Answer[]) {
  rig.vendor.observeScript.push(...answers);
  const run = await rig.create();
  await rig.clock.advance(15 * minute);
  return await rig.read(run);
}

describe('a vendor whose answers do not end the run', () => {
  test.each(Object.entries(rows))(
    'the end of the run says why: %s',
    async (_name, { answers, errcode, says, polls }) => {
      const rig = await openRig({ agent });
      const run = await ended(rig, answers);
      expect(run).toMatchObject({ phase: 'done', outcome: { kind: 'error', errcode } });
      const description = run.outcome?.kind === 'error' ? run.outcome.description : '';
      expect(description).toMatch(says);
      expect(description.length).toBeLessThan(2100);
      if (polls !== undefined) expect(rig.vendor.polls).toBe(polls);
      const lines = rig.logged.filter(({ message }) => message === 'run ended');
      expect(lines).toMatchObject([
        {
          level: errcode === errcodes.deadline ? 'info' : 'warn',
          fields: { errcode, reason: description, vendor_run_id: 'vendor-1' },
        },
      ]);
      await rig.close();
    },
  );

  test('the patience with 401 begins anew after an answer', async () => {
    const rig = await openRig({ agent });
    rig.vendor.observeScript.push(refused);
    const run = await rig.create();
    await rig.clock.advance(4 * minute);
    rig.vendor.observeScript.splice(0, 9, running, refused);
    await rig.clock.advance(4 * minute);
    expect((await rig.read(run)).status).toBe('pending');
    await rig.clock.advance(2 * minute);
    expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.unauthorised } });
    await rig.close();
  });
});

/** Starts and payloads that cannot end well. */
describe('a vendor whose answers to other calls cannot be read', () => {
  const lost = fault('unknown', { kind: 'malformed', message: 'not JSON', httpStatus: 201 });

  test('a start that may be repeated is repeated twice where its answer cannot be read', async () => {
    const rig = await openRig({ agent: { onUnknownStart: 'retry' } });
    rig.vendor.startScript.push(lost, lost, lost, lost, lost);
    const run = await rig.create();
    await rig.clock.advance(minute);
    expect(rig.vendor.starts).toHaveLength(3);
    expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.startUnknown } });
    await rig.close();
  });

  test.each([
    ['unknown', /^it is not known whether the payload arrived: /],
    ['rejected', /^the payload was not taken: /],
  ] as const)('a payload whose fate is %s is noted as such', async (consequence, note) => {
    const rig = await openRig();
    rig.vendor.observeScript.push({ status: 'running', question: 'go?' });
    const run = await rig.create();
    await rig.clock.advance(1000);
    rig.vendor.resumeScript.push(fault(consequence, { kind: 'malformed', message: 'not JSON' }));
    await rig.engine.api.runs.resume({ tenant: 'default', runId: run.runId }, 'yes');
    await rig.clock.advance(1000);
    const notes = (await rig.events(run)).map(({ change }) => (change.kind === 'phase' ? (change.note ?? '') : ''));
    expect(notes.filter((each) => each !== '')).toEqual([expect.stringMatching(note)]);
    await rig.close();
  });

  test('a cancellation that the vendor refuses is logged with its reason', async () => {
    const rig = await openRig();
    const run = await rig.create();
    await rig.clock.settle();
    rig.vendor.cancelScript.push(fault('rejected', { httpStatus: 403, message: 'not yours' }));
    await rig.engine.api.runs.delete({ tenant: 'default', runId: run.runId });
    await rig.clock.advance(1000);
    expect(rig.logged).toContainEqual({
      level: 'warn',
      message: 'upstream run could not be cancelled; it may still be running at the vendor',
      fields: { reason: 'not yours' },
    });
    await rig.close();
  });

  test.each([
    ['a start that hangs', 'starting', /: the vendor had not answered a call for 60 seconds$/],
    ['a payload that hangs', 'delivering', /: the vendor had not answered a call for \d+ seconds$/],
  ] as const)('the end of a run with %s says so', async (_name, phase, says) => {
    const rig = await openRig({ agent: { timeoutMs: minute } });
    const { promise, resolve } = Promise.withResolvers<void>();
    if (phase === 'starting') rig.vendor.startGate = promise;
    rig.vendor.observeScript.push({ status: 'running', question: 'go?' });
    const run = await rig.create();
    if (phase === 'delivering') {
      await rig.clock.advance(1000);
      rig.vendor.resumeGate = promise;
      await rig.engine.api.runs.resume({ tenant: 'default', runId: run.runId }, 'yes');
    }
    await rig.clock.advance(minute);
    const { status, outcome } = await rig.read(run);
    expect([status, outcome]).toMatchObject(['timeout', { description: expect.stringMatching(says) }]);
    resolve();
    await rig.clock.settle();
    await rig.close();
  });
});
