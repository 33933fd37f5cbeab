import { v4 as uuidv4 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type AuthSite, keyOf, openAuthSite } from '../access/auth-site.ts';
import { objectIn, stringIn } from '../gateway/protocols.ts';
import { ThreadStreamReader } from './thread-stream-reader.ts';

const [ours, theirs] = [keyOf('ours', { tenant: 'ours' }), keyOf('theirs', { tenant: 'theirs' })];

let site: AuthSite;
beforeAll(async () => {
  const fail = { name: 'fail', backend: 'intuned', target: { project: 'samples', api: 'fail' } };
  site = await openAuthSite({ sections: { auth: { keys: [ours.entry, theirs.entry] } }, agents: [fail] });
});
afterAll(() => site[Symbol.asyncDispose]());

async function call(method: string, path: string, body?: Json, key = ours.key): Promise<Json> {
  const answer = await site.ask(key, method, `/langgraph${path}`, body);
  expect([path, answer.status]).toEqual([path, answer.status < 300 ? answer.status : 200]);
  return answer.body;
}

const statusOf = async (method: string, path: string, body?: Json, key = ours.key): Promise<number> =>
  (await site.ask(key, method, `/langgraph${path}`, body)).status;

async function openThread(more: JsonObject = {}): Promise<string> {
  return stringIn(await call('POST', '/threads', more), 'thread_id');
}

const run = (threadId: string, assistant: string, body: JsonObject) =>
  call('POST', `/threads/${threadId}/runs/wait`, { assistant_id: assistant, ...body });

const list = async (path: string, body: Json): Promise<readonly JsonObject[]> =>
  ((await call('POST', path, body)) as readonly Json[]).map(objectIn);
const history = (threadId: string, body: JsonObject = {}) => list(`/threads/${threadId}/history`, body);
const idIn = ({ checkpoint = null }: JsonObject): string => stringIn(checkpoint, 'checkpoint_id');

describe('threads of LangGraph', () => {
  test('a run notes its graph on its thread, by which clients list conversations', async () => {
    const team = uuidv4();
    const [one, two] = [await openThread({ metadata: { team } }), await openThread({ metadata: { team } })];
    await run(one, 'echo', { input: { n: 1 } });
    const { assistant_id: assistant } = objectIn(await call('GET', '/assistants/echo'));
    const noted: readonly JsonObject[] = [
      { graph_id: 'echo', team },
      { assistant_id: assistant ?? null, team },
    ];
    for (const metadata of noted) {
      expect(
        (await list('/threads/search', { metadata, limit: 100, offset: 0 })).map(({ thread_id: id }) => id),
      ).toEqual([one]);
    }
    expect(await call('POST', '/threads/count', { metadata: { team } })).toBe(2);
    const sorted = { metadata: { team }, sort_by: 'updated_at', sort_order: 'desc', select: ['thread_id', 'status'] };
    const ids = [one, two].map((id) => ({ thread_id: id, status: 'idle' }));
    expect(await list('/threads/search', sorted)).toEqual(ids);
    expect(await list('/threads/search', { ...sorted, sort_order: 'asc' })).toEqual(ids.toReversed());
    expect(await call('POST', '/threads/search', { ids: [two], select: ['thread_id'] })).toEqual([{ thread_id: two }]);
  });

  test('a page of a search of threads says how many there are up to its end, and where the next one begins', async () => {
    const team = uuidv4();
    for (let made = 0; made < 3; made += 1) await openThread({ metadata: { team } });
    const page = async (offset: number, limit: number) => {
      const { headers } = await site.ask(ours.key, 'POST', '/langgraph/threads/search', {
        ...{ metadata: { team }, select: ['thread_id'], offset, limit },
      });
      return [headers.get('x-pagination-total'), headers.get('x-pagination-next')];
    };
    expect([await page(0, 2), await page(2, 2), await page(0, 10), await page(9, 10)]).toEqual([
      ...[
        ['3', '2'],
        ['3', null],
      ],
      ...[
        ['3', null],
        ['9', null],
      ],
    ]);
  });

  test('states are listed newest first, each with the one before it, and continue after a page', async () => {
    const threadId = await openThread();
    for (const n of [1, 2, 3]) await run(threadId, 'echo', { input: { n } });
    await call('POST', `/threads/${threadId}/state`, { values: { by: 'hand' } });
    const states = await history(threadId, { limit: 100 });
    const shown = states.map(({ metadata = null, next = null, values = null }) => {
      const { step = null, source = null } = objectIn(metadata);
      return [step, source, next, values] as const;
    });
    // As LangGraph counts: a run of one node has its input, the state that it begins with, and the one that it leaves.
    expect(shown).toEqual([
      [8, 'update', [], { n: 3, by: 'hand' }],
      ...[3, 2, 1].flatMap((n) => [
        [n * 3 - 2, 'loop', [], { n }],
        [n * 3 - 3, 'loop', ['echo'], { n }],
        [n * 3 - 4, 'input', ['__start__'], n === 1 ? {} : { n: n - 1 }],
      ]),
    ]);
    const ids = states.map(idIn);
    expect(new Set(ids).size).toBe(10);
    expect(states.map(({ parent_checkpoint: parent = null }) => parent && stringIn(parent, 'checkpoint_id'))).toEqual([
      ...ids.slice(1),
      null,
    ]);
    const results = states.map(({ tasks }) =>
      (tasks as readonly JsonObject[]).map(({ name, result }) => [name, result]),
    );
    expect(results).toEqual([[], ...[3, 2, 1].flatMap((n) => [[], [['echo', { n }]], [['__start__', { n }]]])]);
    for (const { interrupts, metadata } of states) {
      expect(interrupts).toEqual([]);
      expect(metadata).toMatchObject({ graph_id: 'echo', thread_id: threadId });
    }
    // Whatever the size of the pages is, and wherever they begin.
    for (const [at, id] of ids.entries()) {
      expect(await history(threadId, { limit: 2, before: id })).toEqual(states.slice(at + 1, at + 3));
      expect(await call('GET', `/threads/${threadId}/state/${id}`)).toEqual(states[at]);
    }
    expect(await history(threadId, { before: 'nothing' })).toEqual([]);
    expect(await call('GET', `/threads/${threadId}/history?limit=2`)).toEqual(states.slice(0, 2));
    expect(await call('GET', `/threads/${threadId}/state`)).toEqual(states[0]);
    const checkpoint = { thread_id: threadId, checkpoint_ns: '', checkpoint_id: ids[1] ?? '' };
    expect(await call('POST', `/threads/${threadId}/state/checkpoint`, { checkpoint, subgraphs: true })).toEqual(
      states[1],
    );
    expect(await statusOf('GET', `/threads/${threadId}/state/nothing`)).toBe(404);
    const runId = stringIn(states[1]?.metadata ?? null, 'run_id');
    expect((await history(threadId, { metadata: { run_id: runId } })).map(idIn)).toEqual(ids.slice(1, 4));
    expect(await call('GET', `/threads/${threadId}/state/${runId}`)).toEqual(states[1]);
    // A run that was removed has taken its input with it; the steps are as before.
    expect(await statusOf('DELETE', `/threads/${threadId}/runs/${runId}`)).toBe(204);
    const fewer = await history(threadId, { limit: 100 });
    expect(fewer.map(idIn)).toEqual([...ids.slice(0, 2), ...ids.slice(4)]);
    expect(fewer[1]).toEqual({ ...states[1], parent_checkpoint: states[4]?.checkpoint });
    expect(await statusOf('GET', `/threads/${threadId}/state/${ids[2]}`)).toBe(404);
  });

  test('what a run asks is in the state, the thread and the list, under the id by which it is answered', async () => {
    const threadId = await openThread();
    await run(threadId, 'echo', { input: { before: true } });
    const waited = objectIn(await run(threadId, 'approval', { input: { question: 'now?' } }));
    const [asked] = (waited.__interrupt__ ?? []) as readonly JsonObject[];
    expect(asked).toMatchObject({ value: { question: 'now?' } });
    const [head, input, before, ...others] = await history(threadId);
    expect(others.map(idIn)).toEqual(['8', '6'].map((version) => idIn(before ?? {}).replace('-7', `-${version}`)));
    expect(input).toMatchObject({
      next: ['__start__'],
      values: { before: true },
      metadata: { source: 'input', step: 2 },
    });
    expect(input?.tasks).toMatchObject([{ name: '__start__', result: { question: 'now?' } }]);
    expect(input?.parent_checkpoint).toEqual(before?.checkpoint);
    expect(head?.metadata).toMatchObject({ source: 'loop', step: 3 });
    expect(head).toMatchObject({ next: ['approval'], interrupts: [asked], values: { before: true, question: 'now?' } });
    expect(head?.tasks).toMatchObject([{ name: 'approval', error: null, interrupts: [asked] }]);
    expect(head?.parent_checkpoint).toEqual(input?.checkpoint);
    expect(await history(threadId, { before: idIn(head ?? {}) })).toEqual([input, before, ...others]);
    expect(await history(threadId, { limit: 1, before: idIn(input ?? {}) })).toEqual([before]);
    expect(await call('GET', `/threads/${threadId}/state/${idIn(input ?? {})}`)).toEqual(input);
    expect(await call('GET', `/threads/${threadId}/state`)).toEqual(head);
    const [task] = (head?.tasks ?? []) as readonly JsonObject[];
    const thread = objectIn(await call('GET', `/threads/${threadId}`));
    expect(thread).toMatchObject({ status: 'interrupted', interrupts: { [String(task?.id)]: [asked] } });
    const found = await list('/threads/search', { ids: [threadId], status: 'interrupted', select: ['interrupts'] });
    expect(found).toEqual([{ interrupts: thread.interrupts }]);
    const answer = { resume: { [String(asked?.id)]: { approved: true } } };
    await run(threadId, 'approval', { command: answer });
    const [after] = await history(threadId);
    expect(after).toMatchObject({ next: [], tasks: [], interrupts: [] });
    expect(objectIn(await call('GET', `/threads/${threadId}`))).toMatchObject({ status: 'idle', interrupts: {} });
    // Who still has the id under which the question was shown finds what became of it.
    expect(await call('GET', `/threads/${threadId}/state/${idIn(head ?? {})}`)).toEqual(after);
  });

  test('a run that failed is the newest state, with its error, and the next one continues from there', async () => {
    const threadId = await openThread();
    await run(threadId, 'echo', { input: { n: 1 } });
    const { __error__: error = null } = objectIn(await run(threadId, 'fail', { input: { message: 'boom' } }));
    const [head] = await history(threadId);
    expect(head).toMatchObject({ next: ['fail'], values: { n: 1, message: 'boom' } });
    expect(head?.tasks).toMatchObject([{ name: 'fail', error: stringIn(error, 'message'), interrupts: [] }]);
    expect(objectIn(await call('GET', `/threads/${threadId}`))).toMatchObject({ status: 'error', values: { n: 1 } });
    const checkpoint = { thread_id: threadId, checkpoint_ns: '', checkpoint_id: idIn(head ?? {}) };
    expect(await run(threadId, 'echo', { input: { n: 2 }, checkpoint })).toEqual({ n: 2 });
    expect(await statusOf('POST', `/threads/${threadId}/runs`, { assistant_id: 'echo', checkpoint })).toBe(409);
  });

  test('values and messages are merged into a state, into that of an earlier checkpoint too', async () => {
    const threadId = await openThread({ supersteps: [{ updates: [{ values: { a: 1 }, as_node: '__input__' }] }] });
    const update = async (body: JsonObject) => objectIn(await call('POST', `/threads/${threadId}/state`, body));
    const said = { type: 'human', content: 'hi', id: 'm-1' };
    const first = await update({ values: { b: 2, messages: [said] } });
    await update({ values: { messages: [{ ...said, content: 'hello' }] }, as_node: 'echo' });
    const { values } = objectIn(await call('GET', `/threads/${threadId}/state`));
    expect(values).toEqual({ a: 1, b: 2, messages: [{ ...said, content: 'hello' }] });
    const forked = await update({ values: { c: 3 }, checkpoint: first.checkpoint ?? null });
    const [head, ...earlier] = await history(threadId);
    expect(head).toMatchObject({ values: { a: 1, b: 2, c: 3, messages: [said] }, metadata: { source: 'update' } });
    expect(head?.checkpoint).toEqual(forked.checkpoint);
    expect(earlier).toHaveLength(3);
    expect(await statusOf('POST', `/threads/${threadId}/state`, { values: 7 })).toBe(422);
  });

  test('threads are made with an id or without, copied, patched and deleted, one or several', async () => {
    const id = uuidv4();
    expect(await openThread({ thread_id: id, metadata: { a: 1 } })).toBe(id);
    expect(await statusOf('POST', '/threads', { thread_id: id })).toBe(409);
    expect(await openThread({ thread_id: id, if_exists: 'do_nothing', ttl: null })).toBe(id);
    for (const [method, path] of [
      ['POST', '/threads'],
      ['PATCH', `/threads/${id}`],
    ] as const) {
      const refused = await site.ask(ours.key, method, `/langgraph${path}`, { ttl: { ttl: 60, strategy: 'delete' } });
      expect([refused.status, stringIn(refused.body, 'detail')]).toEqual([
        422,
        expect.stringMatching(/ttl.*kept until they are deleted/),
      ]);
    }
    expect(objectIn(await call('PATCH', `/threads/${id}`, { metadata: { b: 2 } })).metadata).toEqual({ a: 1, b: 2 });
    await run(id, 'echo', { input: { n: 1 } });
    const copy = objectIn(await call('POST', `/threads/${id}/copy`));
    expect(copy).toMatchObject({ values: { n: 1 }, status: 'idle', config: {}, interrupts: {} });
    expect(await history(stringIn(copy, 'thread_id'))).toHaveLength(3);
    expect(await statusOf('DELETE', `/threads/${id}`)).toBe(204);
    const ids = [stringIn(copy, 'thread_id'), await openThread(), uuidv4()];
    expect(await call('POST', '/threads/prune', { thread_ids: ids })).toEqual({ pruned_count: 2 });
    expect(await call('POST', '/threads/count', { ids })).toBe(0);
  });

  test('a thread that has seen nothing has an empty state and no history', async () => {
    const threadId = await openThread();
    expect(await history(threadId)).toEqual([]);
    const state = objectIn(await call('GET', `/threads/${threadId}/state`));
    expect(state).toMatchObject({ values: {}, next: [], tasks: [], checkpoint: { checkpoint_id: null } });
    expect(objectIn(await call('GET', `/threads/${threadId}`))).toMatchObject({ values: null, interrupts: {} });
  });

  test('the states and threads of another tenant are not there', async () => {
    const threadId = await openThread();
    await run(threadId, 'echo', { input: { n: 1 } });
    for (const path of ['', '/state', '/history']) {
      expect(await statusOf('GET', `/threads/${threadId}${path}`, undefined, theirs.key)).toBe(404);
    }
    expect(await call('POST', '/threads/search', { ids: [threadId] }, theirs.key)).toEqual([]);
    expect(await call('POST', '/threads/count', {}, theirs.key)).toBe(0);
    expect(await call('POST', '/threads/prune', { thread_ids: [threadId] }, theirs.key)).toEqual({ pruned_count: 0 });
  });
});

describe('assistants of LangGraph', () => {
  test('agents are found by id, name, part of the name and metadata, with their total', async () => {
    const found = await site.ask(ours.key, 'POST', '/langgraph/assistants/search', { limit: 2 });
    expect(found.headers.get('x-pagination-total')).toBe('4');
    expect(found.headers.get('x-pagination-next')).toBe('2');
    const rest = await site.ask(ours.key, 'POST', '/langgraph/assistants/search', { limit: 2, offset: 2 });
    expect(rest.headers.get('x-pagination-next')).toBeNull();
    const all = [found.body, rest.body].flat() as readonly JsonObject[];
    expect(all.map(({ graph_id: graph }) => graph)).toEqual(['echo', 'scrape', 'approval', 'fail']);
    const echo = objectIn(await call('GET', '/assistants/echo'));
    expect(echo).toMatchObject({
      name: 'echo',
      version: 1,
      metadata: { created_by: 'system' },
      config: {},
      context: {},
    });
    expect(await call('GET', `/assistants/${stringIn(echo, 'assistant_id')}`)).toEqual(echo);
    expect(await list('/assistants/search', { graph_id: 'echo' })).toEqual([echo]);
    expect(await call('POST', '/assistants/count', { name: 'AP' })).toBe(2);
    expect(await call('POST', '/assistants/echo/versions', {})).toEqual([echo]);
    expect(await call('GET', '/assistants/echo/subgraphs')).toEqual({});
  });

  test('an agent is shown as a graph of one node, with the schemas of the config', async () => {
    const { nodes, edges } = objectIn(await call('GET', '/assistants/echo/graph?xray=1'));
    expect((nodes as readonly JsonObject[]).map(({ id }) => id)).toEqual(['__start__', 'echo', '__end__']);
    expect((edges as readonly JsonObject[]).map(({ source, target }) => [source, target])).toEqual([
      ['__start__', 'echo'],
      ['echo', '__end__'],
    ]);
    expect(Object.keys(objectIn(await call('GET', '/assistants/echo/schemas')))).toEqual([
      ...['graph_id', 'input_schema', 'output_schema', 'state_schema', 'config_schema', 'context_schema'],
    ]);
  });

  test.each([
    ['POST', '/assistants', { graph_id: 'echo' }],
    ['DELETE', '/assistants/echo', undefined],
    ['POST', '/runs/crons', { assistant_id: 'echo', schedule: '* * * * *' }],
  ] as const)('%s %s is refused with 501 and the reason', async (method, path, body) => {
    const answer = await site.ask(ours.key, method, `/langgraph${path}`, body);
    expect(answer.status).toBe(501);
    expect(stringIn(answer.body, 'detail')).toMatch(/^the gateway does not do this: .+ of the config/);
  });
});

describe('the store of LangGraph', () => {
  test('items are put, read by a namespace with periods, searched, listed and deleted, as its clients ask', async () => {
    const item = { namespace: ['users', 'ann'], key: 'likes', value: { taste: 'sour' } };
    expect(await statusOf('PUT', '/store/items', { ...item, index: false, ttl: null })).toBe(204);
    const path = '/store/items?namespace=users.ann&key=likes&refresh_ttl=true';
    expect(await call('GET', path)).toMatchObject(item);
    const found = objectIn(await call('POST', '/store/items/search', { namespace_prefix: ['users'], query: null }));
    expect(found.items).toMatchObject([item]);
    expect(await call('POST', '/store/namespaces', { prefix: ['users'] })).toEqual({ namespaces: [['users', 'ann']] });
    expect(await call('POST', '/store/namespaces', {}, theirs.key)).toEqual({ namespaces: [] });
    expect(await call('GET', path, undefined, theirs.key)).toBeNull();
    const refused = await site.ask(ours.key, 'POST', '/langgraph/store/items/search', { query: 'sour things' });
    expect([refused.status, refused.body]).toEqual([
      422,
      { detail: 'the request is not valid: query must be empty: the store finds items by members' },
    ]);
    expect(await statusOf('DELETE', '/store/items', { namespace: item.namespace, key: 'likes' })).toBe(204);
    expect(await call('GET', path)).toBeNull();
  });
});

describe('the events and commands of a thread, as the newer clients of LangGraph have them', () => {
  test('a command starts the first run of a thread that is only named by its client, and its events are read', async () => {
    const threadId = uuidv4();
    const send = async (method: string, params: JsonObject): Promise<JsonObject> =>
      objectIn(await call('POST', `/threads/${threadId}/commands`, { id: 1, method, params }));
    expect(await statusOf('POST', `/threads/${threadId}/commands`, { id: 1, method: 'state.get' })).toBe(404);
    const { result = null } = await send('run.start', { assistant_id: 'echo', input: { n: 1 } });
    const url = `${site.url}/langgraph/threads/${threadId}/stream/events`;
    const asUs = { authorization: `Bearer ${ours.key}` };
    const reader = await ThreadStreamReader.open(url, { channels: ['values', 'lifecycle'], since: 0 }, asUs);
    const frames = await reader.take(4);
    await reader.leave();
    expect(frames.map(({ event }) => event)).toEqual(['lifecycle', 'lifecycle', 'values', 'lifecycle']);
    expect(objectIn(frames[2]?.data.params ?? null)).toMatchObject({
      run_id: stringIn(result, 'run_id'),
      data: { n: 1 },
    });
    expect(await send('state.get', {})).toMatchObject({ result: { values: { n: 1 } } });
    const absent = `/threads/${uuidv4()}/stream/events`;
    expect(await statusOf('POST', absent, { channels: ['values'] })).toBe(404);
    expect(await statusOf('POST', `/threads/${threadId}/stream/events`, { channels: ['values'] }, theirs.key)).toBe(
      404,
    );
  });
});
