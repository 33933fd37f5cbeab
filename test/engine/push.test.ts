import { afterEach, describe, expect, test } from 'vitest';
import type { StartRequest } from '../../src/contract/adapter/adapter.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { derivePushKey, makePushToken, readPushToken } from '../../src/engine/pacing/push-token.ts';
import { openRig, type Rig, type RigOptions } from './engine-rig.ts';

const runId = '019a1f0e-0000-7000-8000-000000000001';

describe('push tokens', () => {
  const key = derivePushKey('main', ['secret-1', 'secret-2']);

  test('push tokens name their run to every replica with the same secrets', () => {
    const token = makePushToken(key, runId);
    expect(readPushToken(derivePushKey('main', ['secret-2', 'secret-1']), token)).toBe(runId);
    expect(token).not.toContain('secret');
  });

  test('a push token of another backend, secret or run, or with any change, is not ours', () => {
    const token = makePushToken(key, runId);
    expect(readPushToken(derivePushKey('other', ['secret-1', 'secret-2']), token)).toBeNull();
    expect(readPushToken(derivePushKey('main', ['secret-1']), token)).toBeNull();
    const [, signature = ''] = token.split('.');
    const other = runId.replace(/1$/, '2');
    const broken = [
      `${other}.${signature}`,
      runId,
      '',
      '.',
      `${runId}.`,
      `${token}A`,
      ` ${token}`,
      `${runId}.${'A'.repeat(43)}`,
    ];
    for (const text of broken) expect(readPushToken(key, text)).toBeNull();
  });

  test('a push token is valid in one spelling only, although several decode to the same bytes', () => {
    const token = makePushToken(key, runId);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const texts = [...alphabet].map((last) => `${token.slice(0, -1)}${last}`);
    expect(texts.filter((text) => readPushToken(key, text) !== null)).toEqual([token]);
  });

  test('a push token cannot be made without a secret', () => {
    expect(() => derivePushKey('main', [])).toThrow(TypeError);
  });
});

describe('pushes', () => {
  let rig: Rig;
  afterEach(() => rig.close());
  /** The sinks that the starts carried. */
  let sinks: (string | undefined)[] = [];

  async function openPushed(options: RigOptions = {}): Promise<void> {
    rig = await openRig({
      agent: { capabilities: { resume: false, cancel: false, push: true, session: false } },
      options: { push: { publicUrl: 'https://runs.example/base/' }, secrets: ['hush'] },
      ...options,
    });
    sinks = [];
    const { start } = rig.vendor;
    rig.vendor.start = (request: StartRequest<unknown>) => {
      sinks.push(request.sink?.url);
      return start.call(rig.vendor, request);
    };
  }

  const tokenOf = (index: number): string => sinks[index]?.split('/').at(-1) ?? '';

  /** A run that is live, and the token that its start carried. */
  async function startRun(): Promise<{ readonly run: Run; readonly token: string }> {
    rig.vendor.observeScript.splice(0, 1, { status: 'running' });
    const run = await rig.create();
    await rig.clock.settle();
    return { run, token: tokenOf(sinks.length - 1) };
  }

  test('each start carries a push URL with a token of its own', async () => {
    await openPushed();
    await rig.create();
    await rig.create();
    await rig.clock.settle();
    expect(sinks[0]).toMatch(/^https:\/\/runs\.example\/base\/push\/scripted\/[0-9a-f-]{36}\.[\w-]{43}$/);
    expect(new Set(sinks).size).toBe(2);
  });

  test('a push causes one poll whatever it says, and while pushes arrive polls only back them up', async () => {
    await openPushed();
    const first = await startRun();
    await rig.clock.advance(5000);
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 1 });
    expect(await rig.engine.acceptPush('scripted', first.token)).toBe(true);
    await rig.clock.settle();
    expect((await rig.read(first.run)).status).toBe('success');

    const second = await startRun();
    const before = rig.vendor.polls;
    await rig.clock.advance(8000);
    expect(rig.vendor.polls - before).toBe(0);
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 2 });
    await rig.engine.acceptPush('scripted', second.token);
    await rig.clock.settle();
    expect(rig.vendor.polls - before).toBe(1);
    expect((await rig.read(second.run)).status).toBe('success');
  });

  test('a false or repeated push changes nothing', async () => {
    await openPushed();
    const { run, token } = await startRun();
    await rig.engine.acceptPush('scripted', token);
    await rig.clock.settle();
    expect((await rig.read(run)).status).toBe('pending');
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 1 });
    await rig.engine.acceptPush('scripted', token);
    await rig.clock.settle();
    const { polls } = rig.vendor;
    expect(await rig.engine.acceptPush('scripted', token)).toBe(true);
    await rig.clock.advance(60_000);
    expect(rig.vendor.polls).toBe(polls);
    expect((await rig.events(run)).length).toBe(3);
  });

  test('repeated pushes do not cause polls without end', async () => {
    await openPushed();
    const { token } = await startRun();
    const before = rig.vendor.polls;
    for (let time = 0; time < 50; time += 1) {
      await rig.engine.acceptPush('scripted', token);
      await rig.clock.settle();
    }
    expect(rig.vendor.polls - before).toBe(3);
    for (let time = 0; time < 50; time += 1) {
      await rig.engine.acceptPush('scripted', token);
      await rig.clock.advance(100);
    }
    expect(rig.vendor.polls - before).toBeGreaterThan(5);
    expect(rig.vendor.polls - before).toBeLessThanOrEqual(10);
  });

  test('a push that arrives before the start was answered is not lost', async () => {
    await openPushed();
    let open = (): void => {};
    rig.vendor.startGate = new Promise((resolve) => {
      open = resolve;
    });
    rig.vendor.observeScript.push({ status: 'success', output: 1 });
    const run = await rig.create();
    await rig.clock.settle();
    await rig.engine.acceptPush('scripted', tokenOf(0));
    open();
    await rig.clock.settle();
    expect((await rig.read(run)).status).toBe('success');
  });

  test('a push with an unknown token or backend is refused', async () => {
    await openPushed();
    const { token } = await startRun();
    for (const [backend, text] of [
      ['scripted', 'guess'],
      ['scripted', `${token.slice(0, -1)}`],
      ['nobody', token],
    ] as const) {
      expect(await rig.engine.acceptPush(backend, text)).toBe(false);
    }
  });

  test('a run with a sink of its own does not get ours, and is polled as usual', async () => {
    await openPushed();
    const first = await startRun();
    await rig.engine.acceptPush('scripted', first.token);
    Object.assign(rig.vendor, { ownsSink: () => true });
    rig.vendor.observeScript.splice(0, 1, { status: 'running' });
    await rig.create();
    await rig.clock.settle();
    expect(sinks.at(-1)).toBeUndefined();
    const before = rig.vendor.polls;
    await rig.clock.advance(8000);
    expect(rig.vendor.polls - before).toBeGreaterThan(5);
  });

  test('polls take over again when pushes no longer arrive', async () => {
    await openPushed();
    const { run, token } = await startRun();
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 1 });
    await rig.engine.acceptPush('scripted', token);
    await rig.clock.settle();
    expect((await rig.read(run)).status).toBe('success');
    const polls: number[] = [];
    for (let silent = 0; silent < 4; silent += 1) {
      const before = rig.vendor.polls;
      await startRun();
      await rig.clock.advance(8000);
      polls.push(rig.vendor.polls - before);
      rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 1 });
      await rig.clock.advance(120_000);
    }
    expect(polls.slice(0, 3)).toEqual([0, 0, 0]);
    expect(polls[3]).toBeGreaterThan(5);
  });
});
