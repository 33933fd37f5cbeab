import { describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { reply } from './manners.ts';
import { ask, objectIn, speakers, stringIn } from './protocols.ts';
import { SessionStandIn } from './session-vendor.ts';
import { openSite } from './site.ts';

const agents: readonly JsonObject[] = [
  { name: 'chat', backend: 'restack', target: { agent: 'Chat', mode: 'thread' } },
  // Its session shows nothing while it is live, as real ones do.
  { name: 'mute', backend: 'restack', target: { agent: 'Mute', mode: 'thread', openingInput: { as: 'clerk' } } },
];

async function open() {
  const restack = await SessionStandIn.open();
  const site = await openSite({ restack, agents });
  const { url } = site.client;
  return {
    restack,
    url,
    site,
    thread: async () => stringIn((await ask(url, 'POST', '/acp/v0.2/threads', {})).body, 'thread_id'),
    /** Creates a run and does not wait for it. */
    begin: async (threadId: string, text: string, more: JsonObject = {}) =>
      await ask(url, 'POST', `/acp/v0.2/threads/${threadId}/runs`, { agent_id: 'chat', input: { text }, ...more }),
    /** The output of a run, once it has one. */
    ended: async (threadId: string, runId: string) =>
      objectIn(objectIn((await ask(url, 'GET', `/acp/v0.2/threads/${threadId}/runs/${runId}/wait`)).body).output),
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

vi.setConfig({ testTimeout: 60_000 });

describe.each(speakers)('a session in $name', (speaker) => {
  test('a session is scheduled once, gets later inputs as messages, and ends with its thread', async () => {
    await using rig = await open();
    const { restack, url } = rig;
    const [one, two] = [await speaker.open(url, 'chat'), await speaker.open(url, 'chat')];
    expect((await speaker.run(url, one, 'chat', { text: 'a' })).value).toEqual(said('a'));
    expect((await speaker.run(url, one, 'chat', { text: 'b' })).value).toEqual(said('a', 'b'));
    expect((await speaker.run(url, two, 'chat', { text: 'x' })).value).toEqual(said('x'));
    expect((await speaker.run(url, one, 'chat', { text: 'c' })).value).toEqual(said('a', 'b', 'c'));
    expect(await speaker.state(url, one)).toEqual(said('a', 'b', 'c'));
    expect(await speaker.state(url, two)).toEqual(said('x'));
    expect(restack.count('start')).toBe(2);
    expect(restack.eventNames).toEqual(['message', 'message']);

    expect([200, 204]).toContain(await speaker.remove(url, one));
    await restack.bell.until(() => restack.agent(0).body.status === 'completed');
    expect(await speaker.remove(url, one)).toBe(404);
    expect(restack.eventNames).toEqual(['message', 'message', 'end']);
    expect(restack.agent(1).body.status).toBe('running');
  });

  test('a session without partial output is scheduled without the input, which is its first message', async () => {
    await using rig = await open();
    const { restack, url } = rig;
    restack.silent = true;
    const thread = await speaker.open(url, 'mute');
    expect((await speaker.run(url, thread, 'mute', { text: 'a' })).value).toEqual(said('a'));
    expect((await speaker.run(url, thread, 'mute', { text: 'b' })).value).toEqual(said('a', 'b'));
    expect(restack.agent().asked.body).toEqual({ input: { as: 'clerk' } });
    expect(restack.agent().events.map(({ body }) => objectIn(body).eventInput)).toEqual([{ text: 'a' }, { text: 'b' }]);
    expect(restack.count('start')).toBe(1);
  });

  test.each([
    ['forgotten', null],
    ['failed', { status: 'failed', error: 'out of memory' }],
    ['completed', { status: 'completed', output: { bye: true } }],
  ])(
    'a session that is %s between two runs fails one run, which says so, and the next run gets a new session',
    async (_, body) => {
      await using rig = await open();
      const { restack, url } = rig;
      const thread = await speaker.open(url, 'chat');
      await speaker.run(url, thread, 'chat', { text: 'a' });
      if (body === null) restack.forget(restack.agent());
      else restack.agent().say(body);
      const lost = await speaker.run(url, thread, 'chat', { text: 'b' });
      expect(lost).toMatchObject({ errcode: 1004 });
      expect(lost.reason).toMatch(/^the thread's session has ended at the vendor and did not take the input; /);
      expect(restack.eventNames).toEqual(['message']);
      expect((await speaker.run(url, thread, 'chat', { text: 'c' })).value).toEqual(said('c'));
      expect(restack.count('start')).toBe(2);
      expect(restack.eventNames).toEqual(['message']);
    },
  );
});

describe('the answer to a message', () => {
  test('the answer to a message belongs to that message, however slow it is and even if it equals the one before', async () => {
    await using rig = await open();
    const { restack } = rig;
    restack.replyTo = () => ({ reply: 'yes' });
    const thread = await rig.thread();
    const first = stringIn((await rig.begin(thread, 'a')).body, 'run_id');
    expect(await rig.ended(thread, first)).toMatchObject({ values: { reply: 'yes' } });
    const { polls } = restack.agent();
    const release = restack.hold('event');
    const second = stringIn((await rig.begin(thread, 'b')).body, 'run_id');
    await restack.counted('event', 1);
    // The session still shows the answer to the first message.
    expect(restack.agent().body.output).toEqual({ reply: 'yes' });
    const { body } = await ask(rig.url, 'GET', `/runs/${second}`);
    expect(body).toMatchObject({ status: 'pending' });
    release();
    expect(await rig.ended(thread, second)).toMatchObject({ values: { reply: 'yes' } });
    expect(restack.agent().polls).toBe(polls);
    expect(restack.eventNames).toEqual(['message']);
  });

  test('a message whose answer is lost is not sent again', async () => {
    await using rig = await open();
    const { restack } = rig;
    const thread = await rig.thread();
    await rig.ended(thread, stringIn((await rig.begin(thread, 'a')).body, 'run_id'));
    restack.surprise('event', (response) => void response.socket?.destroy());
    const second = stringIn((await rig.begin(thread, 'b')).body, 'run_id');
    expect(await rig.ended(thread, second)).toMatchObject({ errcode: 1002 });
    restack.surprise('event', reply(400, { error: 'say it differently' }));
    const third = stringIn((await rig.begin(thread, 'c')).body, 'run_id');
    expect(await rig.ended(thread, third)).toMatchObject({ errcode: 1003 });
    const fourth = stringIn((await rig.begin(thread, 'd')).body, 'run_id');
    expect(await rig.ended(thread, fourth)).toMatchObject({ values: said('a', 'd') });
    expect(restack.eventNames).toHaveLength(3);
    expect(restack.count('start')).toBe(1);
  });

  test('the answer to a message is mapped as the output of a poll is', async () => {
    const restack = await SessionStandIn.open();
    const status: JsonObject = { completed: [{ when: "output.reply = '2: no'", is: 'error' }, { is: 'success' }] };
    const mapping = { output: 'output.reply', status, error: "'it said no'" };
    await using site = await openSite({ restack, agents: [{ ...agents[0], mapping }] });
    const { url } = site.client;
    const [speaker] = speakers;
    const thread = (await speaker?.open(url, 'chat')) ?? '';
    const talk = async (text: string) => await speaker?.run(url, thread, 'chat', { text });
    expect(await talk('a')).toMatchObject({ value: '1: a' });
    expect(await talk('no')).toMatchObject({ errcode: 3000, reason: 'it said no' });
    expect(await talk('c')).toMatchObject({ value: '3: c' });
    await restack[Symbol.asyncDispose]();
  });
});

describe('a second run of a thread whose agent is at work', () => {
  async function busy() {
    const rig = await open();
    const thread = await rig.thread();
    await rig.ended(thread, stringIn((await rig.begin(thread, 'a')).body, 'run_id'));
    const release = rig.restack.hold('event');
    const second = stringIn((await rig.begin(thread, 'b')).body, 'run_id');
    await rig.restack.counted('event', 1);
    const follow = (multitask_strategy: string, text = 'c') => rig.begin(thread, text, { multitask_strategy });
    return { ...rig, thread, second, release, follow };
  }

  test('a second run of a busy thread waits with enqueue, and so does the one after it', async () => {
    await using rig = await busy();
    const [c, d] = [await rig.follow('enqueue'), await rig.follow('enqueue', 'd')];
    expect(rig.restack.count('event')).toBe(1);
    rig.release();
    const runs = [rig.second, stringIn(c.body, 'run_id'), stringIn(d.body, 'run_id')];
    const outputs = await Promise.all(runs.map((runId) => rig.ended(rig.thread, runId)));
    expect(outputs.map(({ values }) => values)).toEqual([
      said('a', 'b'),
      said('a', 'b', 'c'),
      said('a', 'b', 'c', 'd'),
    ]);
    expect(rig.restack.count('event')).toBe(3);
  });

  test('a second run of a busy thread is refused with reject', async () => {
    await using rig = await busy();
    expect((await rig.follow('reject')).status).toBe(409);
    rig.release();
    expect(await rig.ended(rig.thread, rig.second)).toMatchObject({ values: said('a', 'b') });
    expect(rig.restack.eventNames).toEqual(['message']);
  });

  test.each(['interrupt', 'rollback'])(
    'a second run of a busy thread takes over with %s, and every message is sent once',
    async (strategy) => {
      await using rig = await busy();
      const third = stringIn((await rig.follow(strategy)).body, 'run_id');
      await rig.restack.counted('event', 2);
      rig.release();
      // The session got the message of the cancelled run: a message cannot be taken back.
      expect(await rig.ended(rig.thread, third)).toMatchObject({ values: said('a', 'b', 'c') });
      const left = await ask(rig.url, 'GET', `/runs/${rig.second}/output`);
      if (strategy === 'rollback') expect(left.status).toBe(404);
      else expect(left.body).toMatchObject({ errcode: 1000 });
      expect(rig.restack.eventNames).toEqual(['message', 'message']);
    },
  );

  test('a first run that is interrupted by another ends together with the session that it scheduled', async () => {
    await using rig = await open();
    const { restack } = rig;
    restack.silent = true;
    const thread = await rig.thread();
    await rig.begin(thread, 'a');
    await restack.bell.until(() => restack.runs[0]?.polls);
    const more = { multitask_strategy: 'interrupt' };
    restack.silent = false;
    const second = stringIn((await rig.begin(thread, 'b', more)).body, 'run_id');
    expect(await rig.ended(thread, second)).toMatchObject({ values: said('b') });
    await restack.bell.until(() => restack.agent(0).body.status === 'completed');
    expect(restack.count('start')).toBe(2);
    expect(restack.eventNames).toEqual(['end']);
  });

  test('a run that is cancelled while its start is under way leaves no session behind', async () => {
    await using rig = await open();
    const { restack } = rig;
    const thread = await rig.thread();
    const release = restack.hold('start');
    const first = stringIn((await rig.begin(thread, 'a')).body, 'run_id');
    await restack.counted('start', 1);
    expect((await ask(rig.url, 'POST', `/acp/v0.2/threads/${thread}/runs/${first}/cancel`)).status).toBe(204);
    release();
    await restack.bell.until(() => restack.runs[0]?.body.status === 'completed');
    const second = stringIn((await rig.begin(thread, 'b')).body, 'run_id');
    expect(await rig.ended(thread, second)).toMatchObject({ values: said('b') });
    expect(restack.count('start')).toBe(2);
  });
});

describe('the end of a thread', () => {
  test('deleting a thread is refused while a run of it is live, and ends the session once at a vendor that was away', async () => {
    await using rig = await open();
    const { restack, url } = rig;
    const thread = await rig.thread();
    await rig.ended(thread, stringIn((await rig.begin(thread, 'a')).body, 'run_id'));
    const release = restack.hold('event');
    const second = stringIn((await rig.begin(thread, 'b')).body, 'run_id');
    expect((await ask(url, 'DELETE', `/acp/v0.2/threads/${thread}`)).status).toBe(409);
    release();
    await rig.ended(thread, second);
    await restack.silence();
    expect((await ask(url, 'DELETE', `/acp/v0.2/threads/${thread}`)).status).toBe(204);
    expect((await ask(url, 'GET', `/acp/v0.2/threads/${thread}`)).status).toBe(404);
    await restack.listen();
    await restack.bell.until(() => restack.agent().body.status === 'completed');
    await rig.site.stop();
    expect(restack.eventNames).toEqual(['message', 'end']);
  });

  test('the session of a run without a thread of its own ends with the run', async () => {
    await using rig = await open();
    const { restack, url } = rig;
    const { body } = await ask(url, 'POST', '/acp/v0.2/runs/wait', { agent_id: 'chat', input: { text: 'a' } });
    const { run, output } = objectIn(body);
    expect(output).toMatchObject({ values: said('a') });
    await restack.bell.until(() => restack.agent().body.status === 'completed');
    const thread = stringIn(run, 'thread_id');
    expect((await ask(url, 'GET', `/acp/v0.2/threads/${thread}`)).status).toBe(404);
    expect((await ask(url, 'GET', `/acp/v0.2/runs/${stringIn(run, 'run_id')}`)).status).toBe(200);
    expect(restack.eventNames).toEqual(['end']);
  });
});
