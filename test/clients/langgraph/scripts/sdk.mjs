// Makes the calls of LangGraph's JavaScript SDK and writes one line of JSON for each.
//
//   node sdk.mjs URL FOLDER_WITH_NODE_MODULES
import { randomUUID } from 'node:crypto';
import { importFrom, recorder } from './recorder.mjs';

const [url, folder] = process.argv.slice(2);
const { Client } = await importFrom(folder, '@langchain/langgraph-sdk');
const client = new Client({ apiUrl: url, apiKey: null, callerOptions: { maxRetries: 0 } });
const { assistants, threads, runs, store, crons } = client;
const call = recorder();
const said = { message: 'hi' };

/** One that other calls need; where none can be made, those fail. */
async function newThread() {
  const thread = await threads.create().catch(() => undefined);
  return thread?.thread_id ?? randomUUID();
}

const found = await call('assistants.search', () =>
  assistants.search({ limit: 100, sortBy: 'name', sortOrder: 'asc' }),
);
const echo = found?.find(({ graph_id: name }) => name === 'echo')?.assistant_id ?? randomUUID();
await call('assistants.search as an object', () =>
  assistants.search({ limit: 2, sortBy: 'name', includePagination: true }),
);
await call('assistants.count', () => assistants.count({ graphId: 'echo' }));
await call('assistants.get', () => assistants.get(echo));
await call('assistants.getGraph', () => assistants.getGraph(echo, { xray: true }));
await call('assistants.getSchemas', () => assistants.getSchemas(echo));
await call('assistants.getSubgraphs', () => assistants.getSubgraphs(echo, { recurse: true }));
await call('assistants.getVersions', () => assistants.getVersions(echo));

const mark = randomUUID();
const t = (await call('threads.create', () => threads.create({ metadata: { mark } })))?.thread_id ?? randomUUID();
await call('threads.create, do_nothing', () => threads.create({ threadId: t, ifExists: 'do_nothing' }));
await call('threads.create twice', () => threads.create({ threadId: t, ifExists: 'raise' }));
await call('threads.update', () => threads.update(t, { metadata: { step: 1 } }));
await call('threads.patchState', () => threads.patchState(t, { step: 2 }));
await call('threads.copy', () => threads.copy(t));
const sorted = { metadata: { mark }, sortBy: 'updated_at', sortOrder: 'desc' };
await call('threads.search', () => threads.search(sorted));
await call('threads.search with select', () => threads.search({ ...sorted, select: ['thread_id', 'status'] }));
await call('threads.count', () => threads.count({ metadata: { mark } }));

await call('runs.wait', () => runs.wait(t, 'echo', { input: said }));
await call('runs.wait by id', () => runs.wait(t, echo, { input: said }));
await call('runs.wait, stateless', () => runs.wait(null, 'echo', { input: said }));
await call('runs.wait that fails', () => runs.wait(null, 'fail', { input: { message: 'boom' } }));
await call('runs.wait that fails, not raised', () =>
  runs.wait(null, 'fail', { input: { message: 'boom' }, raiseError: false }),
);
await call('threads.get', () => threads.get(t));
await call('threads.getState', () => threads.getState(t));
await call('threads.getState with subgraphs', () => threads.getState(t, undefined, { subgraphs: true }));
await call('threads.getHistory', () => threads.getHistory(t, { limit: 5 }));
await call('threads.updateState', () => threads.updateState(t, { values: { message: 'new' }, asNode: 'echo' }));

let created;
const onRunCreated = (run) => {
  created = run;
};
const r = (await call('runs.create', () => runs.create(t, 'echo', { input: said, onRunCreated })))?.run_id;
await call('runs.create, onRunCreated', () => Promise.resolve(created));
await call('runs.join', () => runs.join(t, r));
await call('runs.get', () => runs.get(t, r));
await call('runs.list', () => runs.list(t, { limit: 5, select: ['run_id', 'status'] }));
await call('runs.createBatch', () => runs.createBatch([{ assistantId: 'echo', input: said }]));

const talk = { messages: [{ type: 'human', content: 'hi' }] };
for (const streamMode of ['values', 'updates', 'messages', 'messages-tuple', 'custom', 'events', 'debug', 'tasks']) {
  const own = await newThread();
  await call(`runs.stream, ${streamMode}`, () => runs.stream(own, 'chat', { input: talk, streamMode }));
}
await call('runs.stream, stateless', () => runs.stream(null, 'echo', { input: said, onRunCreated }));
await call('runs.stream, onRunCreated', () => Promise.resolve(created));
await call('runs.stream that fails', () => runs.stream(null, 'fail', { input: { message: 'boom' } }));
await call('runs.stream, slow', () =>
  runs.stream(null, 'slow', { input: { ms: 600 }, streamMode: ['values', 'custom'], streamResumable: true }),
);
const fresh = await newThread();
const slow = await call('runs.create, slow', () =>
  runs.create(fresh, 'slow', { input: { ms: 600 }, streamResumable: true }),
);
await call('runs.joinStream', () => runs.joinStream(fresh, slow?.run_id ?? randomUUID(), { lastEventId: '-1' }));
/** The stream of a thread as far as its first run; it has no end of its own. */
async function* untilDone(parts) {
  for await (const part of parts) {
    yield part;
    if (part.event === 'metadata' && part.data.status === 'run_done') return;
  }
}
const joined = await newThread();
await runs.create(joined, 'slow', { input: { ms: 1500 }, streamMode: ['values', 'custom'] });
// The client leaves the connection open otherwise, and this process would wait for it.
const enough = new AbortController();
const { signal } = enough;
await call('threads.joinStream', () => untilDone(threads.joinStream(joined, { streamMode: ['run_modes'], signal })));
enough.abort();
await call('runs.wait, if_not_exists', () => runs.wait(randomUUID(), 'echo', { input: said, ifNotExists: 'create' }));

const asked = await newThread();
const question = { input: { question: 'ok?' }, streamMode: ['values', 'updates'] };
await call('runs.stream, interrupted', () => runs.stream(asked, 'approval', question));
await call('threads.get, interrupted', () => threads.get(asked));
await call('threads.getState, interrupted', () => threads.getState(asked));
const command = { resume: { approved: true } };
await call('runs.stream, resumed', () =>
  runs.stream(asked, 'approval', { command, streamMode: ['values', 'updates'] }),
);
const askedAgain = await newThread();
await call('runs.wait, interrupted', () => runs.wait(askedAgain, 'approval', { input: { question: 'ok?' } }));
await call('runs.wait, resumed', () => runs.wait(askedAgain, 'approval', { command }));

const busy = await newThread();
const long = await runs.create(busy, 'slow', { input: { ms: 20_000 } }).catch(() => undefined);
await call('runs.create on a busy thread, reject', () =>
  runs.create(busy, 'echo', { input: said, multitaskStrategy: 'reject' }),
);
await call('runs.cancel', () => runs.cancel(busy, long?.run_id ?? randomUUID(), true));
await call('runs.delete', () => runs.delete(busy, long?.run_id ?? randomUUID()));

const space = ['sdk', randomUUID()];
await call('store.putItem', () => store.putItem(space, 'likes', { kind: 'taste', text: 'tea' }));
await call('store.getItem', () => store.getItem(space, 'likes'));
await call('store.searchItems', () => store.searchItems(space, { limit: 5 }));
await call('store.listNamespaces', () => store.listNamespaces({ prefix: space }));
await call('store.deleteItem', () => store.deleteItem(space, 'likes'));
await call('crons.search', () => crons.search({ limit: 2 }));
await call('threads.delete', () => threads.delete(t));
