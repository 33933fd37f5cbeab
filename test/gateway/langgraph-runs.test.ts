import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { clients, collect, LangGraphSite, type Part } from './langgraph-site.ts';
import { ask } from './protocols.ts';

vi.setConfig({ testTimeout: 60_000 });

let site: LangGraphSite;
beforeAll(async () => {
  site = await LangGraphSite.open();
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
});

const absent = '0193b3a0-6b7c-7d2e-8f00-00000000dead';
const said = (content: string, id?: string) => ({
  messages: [{ type: 'human', content, ...(id === undefined ? {} : { id }) }],
});
const done = (reply: string) => ({ status: 'completed', output: { reply } });
const asking = { status: 'running', output: { ask: { question: 'sure?' } } };

/** Every mode that a client may name; of the last five there is nothing to tell. */
const everyMode = [
  'values',
  'updates',
  'messages',
  'messages-tuple',
  'custom',
  'events',
  'debug',
  'tasks',
  'checkpoints',
];
const modes = everyMode as never;

function names(parts: readonly Part[]): readonly string[] {
  return parts.map(({ event }) => event);
}

/** Only the maintained line of the client has it. */
async function cancelMany(options: object): Promise<void> {
  const { runs } = site.client('1.15.0') as unknown as { readonly runs: { cancelMany(given: object): Promise<void> } };
  await runs.cancelMany(options);
}

/** What a client's screen shows of the messages that came in pieces. */
function assemble(parts: readonly Part[]): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const { event, data } of parts) {
    if (event !== 'messages') continue;
    const [{ id, type, content }] = data as [{ id: string; type: string; content: string }];
    if (type === 'remove') delete texts[id];
    else texts[id] = `${texts[id] ?? ''}${content}`;
  }
  return texts;
}

describe.each(Object.keys(clients) as (keyof typeof clients)[])('@langchain/langgraph-sdk %s', (version) => {
  const client = () => site.client(version);

  test('a run in the background is created, read, listed, joined and deleted by the client', async () => {
    const threadId = await site.newThread();
    const started = site.nextStart();
    let named: unknown;
    const run = await client().runs.create(threadId, 'talk', {
      ...{ input: said('hi', 'h-1'), metadata: { team: 'a' }, config: { configurable: {} }, ifNotExists: 'create' },
      onRunCreated: (created) => {
        named = created;
      },
    });
    const { run_id: runId } = run;
    expect(named).toEqual({ run_id: runId, thread_id: threadId });
    expect(run).toMatchObject({ thread_id: threadId, metadata: { team: 'a' }, multitask_strategy: 'enqueue' });
    const upstream = await started;
    expect(upstream.asked.body).toEqual({ input: { message: 'hi' } });
    await upstream.polled();
    expect(await client().runs.get(threadId, runId)).toMatchObject({ run_id: runId, status: 'running' });
    expect(await client().runs.list(threadId, { status: 'running', select: ['run_id', 'status'] })).toEqual([
      { run_id: runId, status: 'running' },
    ]);
    expect(await client().runs.list(threadId, { status: 'pending' })).toEqual([]);
    upstream.say(done('hello'));
    expect(await client().runs.join(threadId, runId)).toEqual({
      reply: 'hello',
      messages: [
        { type: 'human', content: 'hi', id: 'h-1' },
        { type: 'ai', content: 'hello', id: `${threadId}.1` },
      ],
    });
    expect((await client().runs.list(threadId)).map(({ status }) => status)).toEqual(['success']);
    await client().runs.delete(threadId, runId);
    await expect(client().runs.get(threadId, runId)).rejects.toThrow(/404.*no such run/);
  });

  test('a wait answers the values themselves, whatever the input and the output are', async () => {
    site.plan(done('hello'));
    const threadId = await site.newThread();
    expect(await client().runs.wait(threadId, 'talk', { input: { message: 'plain' } })).toEqual({ reply: 'hello' });
    site.plan({ status: 'completed', output: [1, 2] });
    expect(await client().runs.wait(null, 'count', { input: { n: 1 } })).toEqual({ result: [1, 2] });
  });

  test('a wait raises what a run failed of, and gives it to a client that does not want that', async () => {
    site.plan({ status: 'failed', error: 'out of tea' });
    await expect(client().runs.wait(null, 'count', { input: {} })).rejects.toThrow('VendorError: out of tea');
    expect(await client().runs.wait(null, 'count', { input: {}, raiseError: false })).toMatchObject({
      __error__: { message: 'out of tea', errcode: 3000 },
    });
  });

  test('a stream has the events of every mode, in order, and the reply in pieces', async () => {
    const threadId = await site.newThread();
    site.plan({ status: 'running', output: { reply: 'Hel' } });
    const started = site.nextStart();
    const seen: Part[] = [];
    const reading = (async () => {
      for await (const part of client().runs.stream(threadId, 'talk', { input: said('hi', 'h-1'), streamMode: modes }))
        seen.push(part as Part);
    })();
    const upstream = await started;
    await upstream.polled(3);
    upstream.say({ status: 'running', output: { reply: 'Hello' } });
    await upstream.polled(3);
    upstream.say(done('Hello, you'));
    await reading;
    expect(names(seen)).toEqual([
      ...['metadata', 'values', 'custom', 'custom'],
      ...['values', 'custom', 'messages', 'messages/metadata', 'messages/partial'],
      ...['values', 'custom', 'messages', 'messages/partial'],
      ...['updates', 'messages', 'messages/complete', 'values', 'end'],
    ]);
    const human = { type: 'human', content: 'hi', id: 'h-1' };
    const reply = { type: 'ai', content: 'Hello, you', id: `${threadId}.1` };
    expect(seen[1]?.data).toEqual({ messages: [human] });
    expect(seen.find(({ event }) => event === 'updates')?.data).toEqual({
      talk: { reply: 'Hello, you', messages: [reply] },
    });
    expect(seen.at(-2)?.data).toEqual({ reply: 'Hello, you', messages: [human, reply] });
    expect(assemble(seen)).toEqual({ [`${threadId}.1`]: 'Hello, you' });
    const pieces = seen
      .filter(({ event }) => event === 'messages')
      .map(({ data }) => (data as [{ content: string }])[0]);
    expect(pieces.map(({ content }) => content)).toEqual(['Hel', 'lo', ', you']);
  });

  test('a reply that begins anew takes back what was shown of it', async () => {
    const threadId = await site.newThread();
    site.plan({ status: 'running', output: { reply: 'Let me see' } });
    const started = site.nextStart();
    const input = said('hi');
    const reading = collect(client().runs.stream(threadId, 'talk', { input, streamMode: ['messages-tuple'] as never }));
    const upstream = await started;
    await upstream.polled(3);
    upstream.say(done('No.'));
    expect(assemble(await reading)).toEqual({ [`${threadId}.1`]: 'No.' });
  });

  test('an interrupt ends the stream, and a resume on the thread goes on after it', async () => {
    const threadId = await site.newThread();
    site.plan(asking);
    const started = site.nextStart();
    const first = await collect(
      client().runs.stream(threadId, 'talk', { input: said('hi', 'h-1'), streamMode: modes }),
    );
    const upstream = await started;
    const interrupt = { id: expect.stringMatching(/^[0-9a-f-]{36}\.\d+$/), value: { question: 'sure?' } };
    expect(names(first).slice(-3)).toEqual(['updates', 'values', 'end']);
    expect(first.at(-3)?.data).toEqual({ __interrupt__: [interrupt] });
    expect(first.at(-2)?.data).toEqual({
      messages: [{ type: 'human', content: 'hi', id: 'h-1' }],
      __interrupt__: [interrupt],
    });
    const [{ run_id: runId } = { run_id: '' }] = await client().runs.list(threadId, { status: 'interrupted' });
    const resumed = collect(
      client().runs.stream(threadId, 'talk', { command: { resume: { yes: true } }, streamMode: ['values', 'updates'] }),
    );
    expect((await upstream.gotEvent()).body).toMatchObject({ eventInput: { yes: true } });
    upstream.say(done('as you like'));
    const second = await resumed;
    expect(second[0]?.data).toEqual({ run_id: runId, attempt: 1 });
    expect(JSON.stringify(second)).not.toContain('__interrupt__');
    expect(second.at(-2)?.data).toMatchObject({ reply: 'as you like', messages: [{}, { content: 'as you like' }] });
    // Read from its beginning, the run shows no question that was answered.
    const whole = await collect(client().runs.joinStream(threadId, runId, { lastEventId: '-1', streamMode: modes }));
    expect(JSON.stringify(whole)).not.toContain('__interrupt__');
    expect(names(whole).at(-1)).toBe('end');
  });

  test('a question is answered once, by its id or without it, and not by another agent', async () => {
    const threadId = await site.newThread();
    site.plan(asking);
    const started = site.nextStart();
    const waited = await client().runs.wait(threadId, 'talk', { input: said('hi') });
    const [{ id } = { id: '' }] = (waited as { __interrupt__: { id: string }[] }).__interrupt__;
    const answer = (resume: unknown, agent = 'talk') => client().runs.create(threadId, agent, { command: { resume } });
    await expect(answer({ [`${absent}.1`]: 'late' })).rejects.toThrow(/422.*no run of the thread waits/);
    await expect(answer('yes', 'count')).rejects.toThrow(/422.*the one that waits is of talk/);
    const both = await Promise.allSettled([answer({ [id]: 'yes' }), answer({ [id]: 'no' })]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const upstream = await started;
    await upstream.gotEvent();
    upstream.say(done('fine'));
    const [run] = await client().runs.list(threadId);
    expect(await client().runs.join(threadId, run?.run_id ?? '')).toMatchObject({ reply: 'fine' });
    // The same answer again leads to its run; another one to the same question does not.
    const [again, other] = both[0]?.status === 'fulfilled' ? ['yes', 'no'] : ['no', 'yes'];
    expect(await answer({ [id]: again })).toMatchObject({ run_id: run?.run_id, status: 'success' });
    await expect(answer({ [id]: other })).rejects.toThrow(/409.*another answer/);
    expect(upstream.events).toHaveLength(1);
    await expect(answer('again')).rejects.toThrow(/422/);
  });

  test('goto __end__ ends the run that asks, without an error and without an answer', async () => {
    const threadId = await site.newThread();
    site.plan(asking);
    await client().runs.wait(threadId, 'talk', { input: said('hi', 'h-1') });
    const parts = await collect(
      client().runs.stream(threadId, 'talk', { command: { goto: '__end__' } as never, streamMode: ['values'] }),
    );
    expect(names(parts)).toEqual(['metadata', 'values', 'end']);
    // The run is one that was cancelled, and asks nothing any more.
    expect((await client().runs.list(threadId, { status: 'interrupted' })).length).toBe(1);
    expect(await client().threads.get(threadId)).toMatchObject({ status: 'idle', interrupts: {} });
    expect(await client().threads.getState(threadId)).toMatchObject({ next: [], tasks: [] });
  });

  test('a new input takes the place of a question that is not answered', async () => {
    const threadId = await site.newThread();
    site.plan(asking);
    await client().runs.wait(threadId, 'talk', { input: said('hi') });
    await expect(client().runs.create(threadId, 'talk', { input: null })).rejects.toThrow(/409.*send command.resume/);
    site.plan(done('never mind'));
    expect(await client().runs.wait(threadId, 'talk', { input: said('something else') })).toMatchObject({
      reply: 'never mind',
    });
  });

  test('a stream is joined at any of its numbers without an event twice', async () => {
    const threadId = await site.newThread();
    site.plan(done('hello'));
    const parts = await collect(client().runs.stream(threadId, 'talk', { input: said('hi'), streamMode: modes }));
    const [run] = await client().runs.list(threadId);
    const join = (lastEventId?: string) =>
      collect(
        client().runs.joinStream(threadId, run?.run_id ?? '', {
          streamMode: modes,
          ...(lastEventId === undefined ? {} : { lastEventId }),
        }),
      );
    const ids = parts.map(({ id }) => id);
    expect((await join('-1')).map(({ id }) => id)).toEqual(ids);
    expect((await join()).map(({ id }) => id)).toEqual(ids);
    for (const [at, { id }] of parts.slice(0, -1).entries()) {
      expect((await join(id)).map((part) => part.id)).toEqual(ids.slice(at + 1));
    }
    const over = await ask(site.url, 'GET', `/threads/${threadId}/runs/${run?.run_id}/stream`, undefined, {
      'last-event-id': ids.at(-1),
    });
    expect(over.status).toBe(204);
  });

  test('runs are cancelled one by one, by their ids, and all that are live', async () => {
    site.plan({ status: 'running' });
    const threadId = await site.newThread();
    const create = async () => (await client().runs.create(threadId, 'talk', { input: said('hi') })).run_id;
    const statusOf = async (runId: string) => (await client().runs.get(threadId, runId)).status;
    const [first, second, third] = [await create(), await create(), await create()];
    await client().runs.cancel(threadId, first, true);
    await client().runs.cancel(threadId, first);
    expect(await statusOf(first)).toBe('interrupted');
    await cancelMany({ threadId, runIds: [second] });
    expect([await statusOf(second), await statusOf(third)]).toEqual([
      'interrupted',
      expect.stringMatching(/pending|running/),
    ]);
    await cancelMany({ status: 'all' });
    expect(await statusOf(third)).toBe('interrupted');
    const cancelled = [third, second, first];
    const ids = async (status?: 'interrupted' | 'error') =>
      (await client().runs.list(threadId, status === undefined ? {} : { status })).map(({ run_id: id }) => id);
    expect([await ids(), await ids('interrupted'), await ids('error')]).toEqual([cancelled, cancelled, []]);
    expect((await client().runs.list(threadId)).map(({ status }) => status)).toEqual(Array(3).fill('interrupted'));
    expect(await client().runs.join(threadId, first)).toEqual({});
    const streamed = await collect(client().runs.joinStream(threadId, first, { streamMode: 'values' } as never));
    expect(names(streamed).slice(-2)).toEqual(['values', 'end']);
    const fourth = await create();
    await client().runs.cancel(threadId, fourth, false, 'rollback');
    await expect(statusOf(fourth)).rejects.toThrow(/404/);
  });

  test('a batch is created whole or not at all', async () => {
    site.plan(done('hello'));
    const item = { assistantId: 'talk', input: { message: 'hi' } };
    const runs = (await client().runs.createBatch([item, item])) as unknown as { run_id: string; thread_id: string }[];
    for (const { run_id, thread_id } of runs) {
      expect(thread_id).toBe(run_id);
      expect(await client().runs.join(thread_id, run_id)).toEqual({ reply: 'hello' });
    }
    site.plan({ status: 'running' });
    await expect(client().runs.createBatch([item, { ...item, input: 7 }] as never)).rejects.toThrow(/422/);
    const live = await ask(site.root, 'POST', '/agent-protocol/runs/search', { status: 'pending' });
    expect(live.body).toEqual([]);
  });

  test('refusals have the words that the client shows', async () => {
    const threadId = await site.newThread();
    await expect(client().runs.create(threadId, 'nobody', { input: {} })).rejects.toThrow(/404.*no such agent/);
    await expect(client().runs.create(absent, 'talk', { input: said('hi') })).rejects.toThrow(/404.*no such thread/);
    const before = { input: said('hi'), interruptBefore: ['act'] };
    await expect(client().runs.create(threadId, 'talk', before)).rejects.toThrow(/422.*interrupt_before decides where/);
    await expect(client().runs.create(threadId, 'count', { input: said('hi') })).rejects.toThrow(/422.*chat\.input/);
    site.plan({ status: 'running' });
    const started = site.nextStart();
    const { run_id } = await client().runs.create(threadId, 'talk', { input: said('hi') });
    const second = { input: said('hi'), multitaskStrategy: 'reject' as const };
    await expect(client().runs.create(threadId, 'talk', second)).rejects.toThrow(/409.*has a run that is not done/);
    // Or the start that the next test waits for would be this one.
    await started;
    await client().runs.cancel(threadId, run_id, true);
  });
});

test('runs set the agent on the metadata of their thread, by which lists of conversations search', async () => {
  site.plan(done('hello'));
  const threadId = await site.newThread();
  const { assistant_id } = await site.client().runs.create(threadId, 'talk', { input: said('hi') });
  const { body } = await ask(site.root, 'GET', `/agent-protocol/threads/${threadId}`);
  expect(body).toMatchObject({ metadata: { graph_id: 'talk', assistant_id } });
});

test('a run continues the newest state of its thread, also after one that failed, and no older one', async () => {
  const client = site.client();
  const threadId = await site.newThread();
  const head = async () => (await client.threads.getHistory(threadId, { limit: 1 }))[0]?.checkpoint.checkpoint_id ?? '';
  const run = async (checkpointId: string) =>
    await client.runs.wait(threadId, 'talk', {
      input: said('hi'),
      checkpoint: { checkpoint_id: checkpointId, checkpoint_ns: '', checkpoint_map: null },
      raiseError: false,
    });
  site.plan(done('hello'));
  await client.runs.wait(threadId, 'talk', { input: said('hi') });
  const first = await head();
  site.plan({ status: 'failed', error: 'out of tea' });
  expect(await run(first)).toMatchObject({ __error__: { message: 'out of tea' } });
  const second = await head();
  expect(second).not.toBe(first);
  site.plan(done('again'));
  expect(await run(second)).toMatchObject({ reply: 'again' });
  await expect(run(first)).rejects.toThrow(/409.*not at this checkpoint any more/);
});

test('answers name their run and where it goes on without the mount, as the clients add it themselves', async () => {
  site.plan(done('hello'));
  const body = { assistant_id: 'talk', input: { message: 'hi' } };
  for (const [path, again] of [
    ['/runs/wait', '/join'],
    ['/runs/stream', '/stream'],
  ]) {
    const { headers } = await ask(site.url, 'POST', String(path), body);
    const place = headers.get('content-location') ?? '';
    expect(place).toMatch(/^\/threads\/([0-9a-f-]{36})\/runs\/\1$/);
    expect(headers.get('location')).toBe(`${place}${again}`);
    expect((await ask(site.url, 'GET', `${place}${again}`)).status).toBe(200);
  }
});

test('a request that is sent again with its key gets the run of the first one', async () => {
  site.plan(done('hello'));
  const sent = async (path: string) =>
    await ask(site.url, 'POST', path, { assistant_id: 'talk', input: said('hi') }, { 'idempotency-key': 'k-1' });
  const [first, second] = [await sent('/runs'), await sent('/runs')];
  expect(second.headers.get('idempotent-replayed')).toBe('true');
  expect(second.headers.get('content-location')).toBe(first.headers.get('content-location'));
});

test('a command that starts a run gives the agent what its chat mapping makes of the messages', async () => {
  site.plan(done('hello'));
  const threadId = await site.newThread();
  const started = site.nextStart();
  const { status, body } = await ask(site.url, 'POST', `/threads/${threadId}/commands`, {
    id: 1,
    method: 'run.start',
    params: { assistant_id: 'talk', input: said('hi', 'h-1') },
  });
  expect([status, body]).toMatchObject([200, { type: 'success', id: 1 }]);
  expect((await started).asked.body).toEqual({ input: { message: 'hi' } });
});
