import { expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { ask, objectIn, stringIn } from './protocols.ts';
import { SessionStandIn } from './session-vendor.ts';
import { openSite } from './site.ts';

vi.setConfig({ testTimeout: 60_000 });

const agents: readonly JsonObject[] = [
  { name: 'chat', backend: 'restack', target: { agent: 'Chat', mode: 'thread', eventAnswers: 'accepted' } },
  { name: 'plain', backend: 'restack', target: { agent: 'Plain', mode: 'thread' } },
];

/** An engine that answers events with ids alone, before the agent has handled them. */
async function open() {
  const restack = await SessionStandIn.open();
  restack.accepts = true;
  const site = await openSite({ restack, agents });
  const { url } = site.client;
  const thread = stringIn((await ask(url, 'POST', '/acp/v0.2/threads', {})).body, 'thread_id');
  const at = `/acp/v0.2/threads/${thread}/runs`;
  return {
    restack,
    begin: async (text: string, agent_id = 'chat') =>
      stringIn((await ask(url, 'POST', at, { agent_id, input: { text } })).body, 'run_id'),
    ended: async (runId: string) => objectIn(objectIn((await ask(url, 'GET', `${at}/${runId}/wait`)).body).output),
    read: async (runId: string) => objectIn((await ask(url, 'GET', `${at}/${runId}`)).body),
    cancel: async (runId: string) => (await ask(url, 'POST', `${at}/${runId}/cancel`)).status,
    /** Resolves when the agent has been asked for this often since. */
    polled: async (times: number) => {
      const before = restack.agent().polls;
      await expect.poll(() => restack.agent().polls, { timeout: 10_000 }).toBeGreaterThanOrEqual(before + times);
    },
    [Symbol.asyncDispose]: async () => {
      await site[Symbol.asyncDispose]();
      await restack[Symbol.asyncDispose]();
    },
  };
}

const said = (...texts: readonly string[]): Json => ({
  heard: texts.map((text) => ({ text })),
  reply: `${texts.length}: ${texts.at(-1)}`,
});

test('a message that the engine has only accepted ends with what the agent shows next, and never with what it showed before', async () => {
  await using rig = await open();
  expect(await rig.ended(await rig.begin('a'))).toMatchObject({ values: said('a') });
  const second = await rig.begin('b');
  await rig.restack.counted('event', 1);
  await rig.polled(5);
  expect(await rig.read(second)).toMatchObject({ status: 'pending' });
  rig.restack.catchUp(rig.restack.agent());
  expect(await rig.ended(second)).toMatchObject({ values: said('a', 'b') });
  const third = await rig.begin('c');
  await rig.restack.counted('event', 2);
  rig.restack.catchUp(rig.restack.agent());
  expect(await rig.ended(third)).toMatchObject({ values: said('a', 'b', 'c') });
  expect(rig.restack.eventNames).toEqual(['message', 'message']);
  expect(rig.restack.count('start')).toBe(1);
});

test('a message that was accepted cannot be taken back: its run is cancelled, and the session lives on', async () => {
  await using rig = await open();
  await rig.ended(await rig.begin('a'));
  const second = await rig.begin('b');
  await rig.restack.counted('event', 1);
  await rig.polled(2);
  expect(await rig.cancel(second)).toBe(204);
  const third = await rig.begin('c');
  await rig.restack.counted('event', 2);
  rig.restack.catchUp(rig.restack.agent());
  expect(await rig.ended(third)).toMatchObject({ values: said('a', 'b', 'c') });
  expect(rig.restack.eventNames).toEqual(['message', 'message']);
});

test('an agent that ends instead of answering ends the run with its output, and the next run schedules another', async () => {
  await using rig = await open();
  await rig.ended(await rig.begin('a'));
  const second = await rig.begin('b');
  await rig.restack.counted('event', 1);
  rig.restack.agent().say({ status: 'completed', output: { bye: true } });
  expect(await rig.ended(second)).toMatchObject({ values: { bye: true } });
  expect(await rig.ended(await rig.begin('x'))).toMatchObject({ values: said('x') });
  expect(rig.restack.count('start')).toBe(2);
});

test('an acknowledgement is no answer: where the agent expects one, the run says so and the message is not sent again', async () => {
  await using rig = await open();
  await rig.ended(await rig.begin('a', 'plain'));
  expect(await rig.ended(await rig.begin('b', 'plain'))).toMatchObject({
    type: 'error',
    errcode: 1006,
    description: expect.stringContaining('with ids only'),
  });
  expect(rig.restack.eventNames).toEqual(['message']);
});
