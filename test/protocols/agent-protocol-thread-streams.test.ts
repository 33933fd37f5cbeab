import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type AuthSite, ask, keyOf, openAuthSite } from '../access/auth-site.ts';
import { objectIn, stringIn } from '../gateway/protocols.ts';
import { type ThreadFrame, ThreadStreamReader } from './thread-stream-reader.ts';

const base = '/agent-protocol/threads';
const [ours, theirs] = [keyOf('ours', { tenant: 'ours' }), keyOf('theirs', { tenant: 'theirs' })];
const asUs = { authorization: `Bearer ${ours.key}` };
const all = ['values', 'messages', 'lifecycle', 'input', 'custom'];
const question = { question: 'now?' };

const open = (more: JsonObject = {}): Promise<AuthSite> =>
  openAuthSite({ sections: { auth: { keys: [ours.entry, theirs.entry] }, ...more } });

async function openThread(site: AuthSite): Promise<string> {
  return stringIn((await site.ask(ours.key, 'POST', base, {})).body, 'thread_id');
}

const stream = (url: string, threadId: string, body: JsonObject) =>
  ThreadStreamReader.open(`${url}${base}/${threadId}/stream`, body, asUs);

async function command(site: AuthSite, threadId: string, method: string, params: Json = {}): Promise<JsonObject> {
  const answer = await site.ask(ours.key, 'POST', `${base}/${threadId}/commands`, { id: 3, method, params });
  expect(answer.status).toBe(200);
  return objectIn(answer.body);
}

const resultOf = ({ result }: JsonObject): JsonObject => objectIn(result);
const paramsOf = ({ data }: ThreadFrame): JsonObject => objectIn(data.params);
const dataOf = (frame: ThreadFrame): Json => paramsOf(frame).data ?? null;
const shown = (frames: readonly ThreadFrame[]) => frames.map((frame) => [frame.event, dataOf(frame)]);

const begun = [
  ['lifecycle', { event: 'started' }],
  ['lifecycle', { event: 'running' }],
];
const echoed = (value: JsonObject) => [...begun, ['values', value], ['lifecycle', { event: 'completed' }]];

describe('the stream of a thread', () => {
  test("a thread's stream opens before its first run, has one run after another, and continues after `since`", async () => {
    await using site = await open();
    const threadId = await openThread(site);
    const reader = await stream(site.url, threadId, { channels: ['values', 'lifecycle'] });
    expect(reader.answer.headers.get('content-type')).toBe('text/event-stream');
    const first = resultOf(await command(site, threadId, 'run.start', { assistant_id: 'echo', input: { n: 1 } }));
    const one = await reader.take(4);
    expect(shown(one)).toEqual(echoed({ n: 1 }));
    await command(site, threadId, 'run.start', { agent_id: 'echo', input: { n: 2 } });
    const two = await reader.take(4);
    expect(shown(two)).toEqual(echoed({ n: 2 }));
    const frames = [...one, ...two];
    expect(one.map((frame) => paramsOf(frame).run_id)).toEqual(Array(4).fill(first.run_id));
    const seqs = frames.map(({ data }) => Number(data.seq));
    expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
    expect(frames.map(({ id }) => id)).toEqual(seqs.map(String));
    for (const [at, since] of [0, ...seqs].entries()) {
      const again = await stream(site.url, threadId, { channels: ['values', 'lifecycle'], since });
      expect(await again.take(8 - at)).toEqual(frames.slice(at));
      await again.leave();
    }
    const narrowed = await stream(site.url, threadId, { channels: ['values'], since: 0 });
    expect(await narrowed.take(2)).toEqual(frames.filter(({ event }) => event === 'values'));
    await narrowed.leave();
    await reader.leave();
  });

  test('Last-Event-ID: -1 and 0 begin a stream at the beginning of its thread, although no run is live', async () => {
    await using site = await open();
    const threadId = await openThread(site);
    const live = await stream(site.url, threadId, { channels: ['lifecycle'] });
    await command(site, threadId, 'run.start', { agent_id: 'echo', input: { n: 1 } });
    const frames = await live.take(3);
    await live.leave();
    for (const id of ['-1', '0']) {
      const url = `${site.url}${base}/${threadId}/stream`;
      const headers = { ...asUs, 'last-event-id': id };
      const again = await ThreadStreamReader.open(url, { channels: ['lifecycle'] }, headers);
      expect(await again.take(3)).toEqual(frames);
      await again.leave();
    }
  });

  test("a thread's stream has interrupts, their answers, and messages with their authors", async () => {
    await using site = await open();
    const threadId = await openThread(site);
    const reader = await stream(site.url, threadId, { channels: [...all, 'tools', 'tasks'] });
    const start = { agent_id: 'approval', input: question };
    const { run_id } = resultOf(await command(site, threadId, 'run.start', start));
    const asked = await reader.take(6);
    expect(asked.map(({ event }) => event)).toEqual([
      ...['lifecycle', 'custom', 'lifecycle', 'custom', 'input.requested', 'lifecycle'],
    ]);
    const { interrupt_id, payload } = objectIn(dataOf(asked[4] as ThreadFrame));
    expect([typeof interrupt_id, payload]).toEqual(['string', expect.anything()]);
    const busy = await command(site, threadId, 'run.start', start);
    expect(busy).toMatchObject({ type: 'error', id: 3, error: 'thread_busy' });
    const late = await command(site, threadId, 'input.respond', { interrupt_id: `${run_id}.1`, response: 'x' });
    expect(late).toMatchObject({ type: 'error', error: 'no_such_interrupt' });
    const response = { approved: true };
    const answer = { namespace: [], interrupt_id: interrupt_id ?? null, response };
    expect(await command(site, threadId, 'input.respond', answer)).toMatchObject({ type: 'success', id: 3 });
    const another = { ...answer, response: { approved: false } };
    expect(await command(site, threadId, 'input.respond', another)).toMatchObject({ error: 'no_such_interrupt' });
    expect(await command(site, threadId, 'input.respond', answer)).toMatchObject({ result: { run_id } });
    const answered = await reader.take(1);
    expect(shown(answered)).toEqual([['input.answered', { interrupt_ids: [interrupt_id] }]]);
    const rest: ThreadFrame[] = [];
    while ((objectIn(rest.length === 0 ? {} : dataOf(rest.at(-1) as ThreadFrame)).event ?? '') !== 'completed') {
      rest.push(...(await reader.take(1)));
    }
    await reader.leave();
    const said = { messages: [{ role: 'assistant', content: 'nine', id: 'm-1' }] };
    const talk = await stream(site.url, threadId, { channels: ['messages'] });
    await command(site, threadId, 'run.start', { agent_id: 'echo', input: said });
    expect(shown(await talk.take(4))).toEqual([
      ['messages', { event: 'message-start', role: 'ai', id: 'm-1' }],
      ['messages', { event: 'content-block-start', index: 0, content: { type: 'text', text: '' } }],
      ['messages', { event: 'content-block-finish', index: 0, content: { type: 'text', text: 'nine' } }],
      ['messages', { event: 'message-finish' }],
    ]);
    await talk.leave();
  });

  test("a thread's stream ends with its thread, and on a drain with the time to reconnect", async () => {
    await using site = await open();
    const [gone, kept] = [await openThread(site), await openThread(site)];
    const readers = [
      await stream(site.url, gone, { channels: all }),
      await stream(site.url, kept, { channels: all }),
    ] as const;
    expect((await site.ask(ours.key, 'DELETE', `${base}/${gone}`)).status).toBe(204);
    expect(await readers[0].end()).toBe('');
    expect((await site.ask(ours.key, 'POST', `${base}/${gone}/stream`, { channels: all })).status).toBe(404);
    await site[Symbol.asyncDispose]();
    expect(await readers[1].end()).toMatch(/^retry: \d+\n$/);
  });

  test("a thread's stream continues where it was after a restart in the middle of a run", async () => {
    await using site = await open();
    const threadId = await openThread(site);
    const reader = await stream(site.url, threadId, { channels: ['lifecycle'] });
    const { run_id } = resultOf(await command(site, threadId, 'run.start', { agent_id: 'approval', input: question }));
    const before = await reader.take(3);
    await site.restart();
    expect(await reader.end()).toMatch(/^retry: \d+\n$/);
    const again = await stream(site.url, threadId, { channels: ['lifecycle'], since: Number(before[1]?.id) });
    expect(await again.take(1)).toEqual(before.slice(2));
    expect(await command(site, threadId, 'input.respond', { response: { approved: true } })).toMatchObject({
      result: { run_id },
    });
    const rest = await again.take(3);
    expect(shown(rest).at(-1)).toEqual(['lifecycle', { event: 'completed' }]);
    await again.leave();
  });

  test("a thread's stream and commands do not exist for another tenant", async () => {
    await using site = await open();
    const threadId = await openThread(site);
    const absent = '0193b3a0-6b7c-7d2e-8f00-00000000dead';
    const bodies = [
      ['stream', { channels: all }],
      ['commands', { id: 1, method: 'run.start', params: { agent_id: 'echo' } }],
      ['commands', { id: 1, method: 'input.inject' }],
    ] as const;
    for (const [path, body] of bodies) {
      const [foreign, missing] = await Promise.all(
        [threadId, absent].map((id) => site.ask(theirs.key, 'POST', `${base}/${id}/${path}`, body)),
      );
      expect([foreign?.status, foreign?.body]).toEqual([404, missing?.body]);
      expect((await site.ask(null, 'POST', `${base}/${threadId}/${path}`, body)).status).toBe(401);
    }
  });

  test("a thread's stream has only runs of the agents that the key may use", async () => {
    const one = keyOf('one', { tenant: 'ours', agents: ['echo'] });
    await using site = await open({ auth: { keys: [ours.entry, one.entry] } });
    const threadId = await openThread(site);
    const wait = async (agent_id: string, input: JsonObject) => {
      const body = { agent_id, input, thread_id: threadId };
      expect((await site.ask(ours.key, 'POST', '/agent-protocol/runs/wait', body)).status).toBe(200);
    };
    await wait('echo', { n: 1 });
    await wait('scrape', { url: 'https://shop.test/' });
    await wait('echo', { n: 2 });
    const url = `${site.url}${base}/${threadId}/stream`;
    const asOne = { authorization: `Bearer ${one.key}` };
    const reader = await ThreadStreamReader.open(url, { channels: ['values', 'lifecycle'], since: 0 }, asOne);
    expect(shown(await reader.take(8))).toEqual([...echoed({ n: 1 }), ...echoed({ n: 2 })]);
    await reader.leave();
  });

  test("a thread's stream counts as an open stream of its key", async () => {
    const one = keyOf('one', { tenant: 'ours', limits: { streams: 1 } });
    await using site = await open({ auth: { keys: [ours.entry, one.entry] } });
    const threadId = await openThread(site);
    const url = `${site.url}${base}/${threadId}/stream`;
    const reader = await ThreadStreamReader.open(url, { channels: all }, { authorization: `Bearer ${one.key}` });
    const second = await ask(site.url, one.key, 'POST', `${base}/${threadId}/stream`, { channels: all });
    expect([second.status, second.body]).toMatchObject([429, { code: 'too_many_streams' }]);
    await reader.leave();
  });
});

describe('commands of a thread', () => {
  test('commands read the state and its checkpoints, and fork from a checkpoint', async () => {
    await using site = await open();
    const threadId = await openThread(site);
    for (const n of [1, 2]) {
      const body = { agent_id: 'echo', input: { n, k: 'v' }, thread_id: threadId };
      expect((await site.ask(ours.key, 'POST', '/agent-protocol/runs/wait', body)).status).toBe(200);
    }
    const { checkpoints } = resultOf(await command(site, threadId, 'state.listCheckpoints')) as {
      readonly checkpoints: readonly JsonObject[];
    };
    expect(checkpoints).toHaveLength(2);
    const [newest, oldest] = checkpoints as readonly [JsonObject, JsonObject];
    expect(resultOf(await command(site, threadId, 'state.get'))).toEqual({
      values: { n: 2, k: 'v' },
      checkpoint: { id: newest.id },
    });
    expect(resultOf(await command(site, threadId, 'state.get', { keys: ['n', 'z'] })).values).toEqual({ n: 2 });
    const page = resultOf(await command(site, threadId, 'state.listCheckpoints', { before: newest.id ?? null }));
    expect(page.checkpoints).toEqual([oldest]);

    const params = { checkpoint_id: oldest.id ?? null, input: { n: 9 } };
    const fork = resultOf(await command(site, threadId, 'state.fork', params));
    const forkId = stringIn(fork, 'thread_id');
    expect(forkId).not.toBe(threadId);
    await site.ask(ours.key, 'GET', `/agent-protocol/runs/${stringIn(fork, 'run_id')}/wait`);
    const history = (await site.ask(ours.key, 'GET', `${base}/${forkId}/history`)).body as readonly JsonObject[];
    expect(history.map(({ values }) => values)).toEqual([{ n: 9 }, { n: 1, k: 'v' }]);
    expect(resultOf(await command(site, threadId, 'state.get')).values).toEqual({ n: 2, k: 'v' });
  });

  test('a fork whose run is refused leaves no thread behind', async () => {
    const one = keyOf('one', { tenant: 'ours', limits: { liveRuns: 1 } });
    await using site = await open({ auth: { keys: [ours.entry, one.entry] } });
    const threadId = await openThread(site);
    const body = { agent_id: 'echo', input: {}, thread_id: threadId };
    await site.ask(ours.key, 'POST', '/agent-protocol/runs/wait', body);
    const listed = resultOf(await command(site, threadId, 'state.listCheckpoints'))
      .checkpoints as readonly JsonObject[];
    const waiting = { agent_id: 'approval', input: question };
    expect((await site.ask(one.key, 'POST', '/agent-protocol/runs', waiting)).status).toBe(200);
    const fork = { id: 1, method: 'state.fork', params: { checkpoint_id: listed[0]?.id ?? null } };
    const refused = await site.ask(one.key, 'POST', `${base}/${threadId}/commands`, fork);
    expect([refused.status, refused.body]).toMatchObject([429, { code: 'too_many_runs' }]);
    expect((await site.ask(ours.key, 'POST', `${base}/search`, {})).body).toHaveLength(1);
  });

  test.each([
    ['input.inject', {}, 'not_supported'],
    ['agent.getTree', {}, 'not_supported'],
    ['subscription.subscribe', { channels: ['values'] }, 'not_supported'],
    ['run.stop', {}, 'unknown_command'],
    ['toString', {}, 'unknown_command'],
    ['run.start', { agent_id: 'nobody' }, 'invalid_argument'],
    ['run.start', { agent_id: 'echo', inptu: 1 }, 'invalid_argument'],
    ['input.respond', { namespace: ['deeper'], response: 1 }, 'invalid_argument'],
    ['input.respond', { interrupt_id: 'x' }, 'invalid_argument'],
    ['input.respond', { response: 1 }, 'no_such_interrupt'],
    ['state.fork', { checkpoint_id: '0193b3a0-6b7c-7d2e-8f00-00000000dead' }, 'no_such_checkpoint'],
  ])('the command %s with %j is answered with the error %s', async (method, params, error) => {
    await using site = await open();
    const threadId = await openThread(site);
    expect(await command(site, threadId, method, params)).toMatchObject({ type: 'error', id: 3, error });
  });

  test('a command is executed once for an idempotency key, within the live runs of its key', async () => {
    const one = keyOf('one', { tenant: 'ours', limits: { liveRuns: 1 } });
    await using site = await open({ auth: { keys: [ours.entry, one.entry] } });
    const threadId = await openThread(site);
    const start = { id: 1, method: 'run.start', params: { agent_id: 'approval', input: question } };
    const send = async (id: string, headers = {}) => {
      const init = {
        method: 'POST',
        headers: { authorization: `Bearer ${one.key}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(start),
      };
      const answer = await fetch(`${site.url}${base}/${id}/commands`, init);
      return [answer.status, await answer.json()] as const;
    };
    const first = await send(threadId, { 'idempotency-key': 'k1' });
    expect(first).toMatchObject([200, { type: 'success' }]);
    expect(await send(threadId, { 'idempotency-key': 'k1' })).toEqual(first);
    expect(await send(await openThread(site))).toMatchObject([429, { code: 'too_many_runs' }]);
  });
});
