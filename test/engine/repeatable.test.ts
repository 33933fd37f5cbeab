import { afterEach, describe, expect, test } from 'vitest';
import type {
  Observation,
  SessionCalls,
  SessionMessage,
  StartAnswer,
  StartRequest,
} from '../../src/contract/adapter/adapter.ts';
import type { UpstreamFault } from '../../src/contract/adapter/http.ts';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run, UpstreamRef } from '../../src/contract/domain/run.ts';
import { cut } from './adopting-vendor.ts';
import { kinds, openRig, type Rig, tenant } from './engine-rig.ts';
import { fault, ScriptedVendor } from './scripted-vendor.ts';

let rig: Rig;
afterEach(() => rig.close());

type Fate = UpstreamFault | 'hang';

/** Takes what it is sent once by its id, whatever becomes of the answer. */
class OnceVendor extends ScriptedVendor {
  readonly fates: Fate[] = [];
  readonly ids: string[] = [];
  readonly heard = new Map<string, Json>();
  readonly resumesOnce = true;
  readonly adoption = {};
  readonly session: SessionCalls = {
    repeatable: true,
    send: async (
      _target: unknown,
      _upstream: UpstreamRef,
      { input, messageId }: SessionMessage,
    ): Promise<Observation> => {
      await this.#take(messageId, input);
      return { status: 'success', raw: { status: 'success', output: `heard ${JSON.stringify(input)}` } };
    },
    end: async () => {},
  };

  override async start({ runId }: StartRequest<unknown>): Promise<StartAnswer> {
    this.starts.push(runId);
    return { upstream: { runId: `of-${runId}` } };
  }

  override async resume(
    _target: unknown,
    _upstream: UpstreamRef,
    resumption: Json,
    deliveryId: string,
  ): Promise<undefined> {
    await this.#take(deliveryId, resumption);
  }

  async #take(id: string, value: Json): Promise<void> {
    this.ids.push(id);
    if (!this.heard.has(id)) this.heard.set(id, value);
    const fate = this.fates.shift();
    if (fate === 'hang') await new Promise(() => {});
    if (fate !== undefined && fate !== 'hang') throw fate;
  }
}

async function open(session: boolean): Promise<OnceVendor> {
  const vendor = new OnceVendor();
  const capabilities = { resume: true, cancel: true, push: false, session, adopt: 'start' } as const;
  rig = await openRig({ vendor, agent: { capabilities } });
  return vendor;
}

/** What can become of the answer to what the vendor has taken. */
const lost: readonly (readonly [string, Fate])[] = [
  ['the process dies during the call', 'hang'],
  ['the answer is cut', cut()],
  ['the answer is not in time', fault('unknown', { kind: 'timeout' })],
  ['the answer is unreadable', fault('unknown', { kind: 'malformed' })],
];

async function overcome(fate: Fate): Promise<void> {
  await rig.clock.settle();
  if (fate === 'hang') rig = await rig.crash();
}

describe('a payload that the vendor takes once by its id', () => {
  test.each(lost)('%s: the payload is sent again under the same id, and is taken once', async (_name, fate) => {
    const vendor = await open(false);
    vendor.observeScript.push({ status: 'running', question: 'go?' });
    const run = await rig.create();
    await rig.clock.advance(1000);
    vendor.fates.push(fate);
    await rig.engine.api.runs.resume({ tenant, runId: run.runId }, 'yes');
    await overcome(fate);
    vendor.observeScript.splice(0, 1, { status: 'success', output: 1 });
    await rig.clock.advance(10_000);
    expect((await rig.read(run)).status).toBe('success');
    expect(kinds(await rig.events(run))).toEqual(['queued', 'running', 'interrupt', 'resuming', 'running', 'result']);
    expect(vendor.ids).toEqual([vendor.ids[0], vendor.ids[0]]);
    expect([...vendor.heard.values()]).toEqual([{ answer: 'yes' }]);
  });

  test('the payloads of two interrupts of a run have two ids', async () => {
    const vendor = await open(false);
    vendor.observeScript.push({ status: 'running', question: 'one?' });
    const run = await rig.create();
    await rig.clock.advance(1000);
    await rig.engine.api.runs.resume({ tenant, runId: run.runId }, 1);
    await rig.clock.advance(2000);
    vendor.observeScript.splice(0, 1, { status: 'running', question: 'two?' });
    await rig.clock.advance(5000);
    await rig.engine.api.runs.resume({ tenant, runId: run.runId }, 2);
    await rig.clock.advance(2000);
    expect([...vendor.heard.values()]).toEqual([{ answer: 1 }, { answer: 2 }]);
  });
});

describe('a message that the session hears once by its id', () => {
  const talk = async (input: Json): Promise<Run> => {
    const thread = {
      threadId: '0198c5a0-0000-7000-8000-000000000001',
      ifNotExists: 'create',
      whenBusy: 'enqueue',
    } as const;
    return (await rig.engine.api.runs.create({ tenant, agent: undefined, request: { input }, thread })).run;
  };

  async function openTalk(): Promise<OnceVendor> {
    const vendor = await open(true);
    vendor.observeScript.push({ status: 'running', output: 'hello' });
    await talk('first');
    await rig.clock.advance(5000);
    expect(vendor.starts).toHaveLength(1);
    return vendor;
  }

  test.each(lost)(
    '%s: the message is sent again under the id of its run, heard once, and answered',
    async (_name, fate) => {
      const vendor = await openTalk();
      vendor.fates.push(fate);
      const run = await talk('second');
      await overcome(fate);
      await rig.clock.advance(10_000);
      expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'heard "second"' } });
      expect(vendor.ids).toEqual([run.runId, run.runId]);
      expect([...vendor.heard.values()]).toEqual(['second']);
      expect(vendor.starts).toHaveLength(1);
    },
  );

  test('a repeated message that the vendor refuses leaves the run unknown', async () => {
    const vendor = await openTalk();
    vendor.fates.push(cut(), fault('rejected', { httpStatus: 404, message: 'the session is closed' }));
    const run = await talk('second');
    await rig.clock.advance(10_000);
    expect((await rig.read(run)).outcome).toMatchObject({ errcode: errcodes.startUnknown });
  });
});
