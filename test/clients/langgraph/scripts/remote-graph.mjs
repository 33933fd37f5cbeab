// Makes the calls of JavaScript's RemoteGraph and writes one line of JSON for each.
//
//   node remote-graph.mjs URL FOLDER_WITH_NODE_MODULES
import { randomUUID } from 'node:crypto';
import { importFrom, recorder } from './recorder.mjs';

const [url, folder] = process.argv.slice(2);
const { RemoteGraph } = await importFrom(folder, '@langchain/langgraph/remote');
const { Command, StateGraph, Annotation } = await importFrom(folder, '@langchain/langgraph');
const { Client } = await importFrom(folder, '@langchain/langgraph-sdk');
const client = new Client({ apiUrl: url, apiKey: null, callerOptions: { maxRetries: 0 } });
const remote = (graphId) => new RemoteGraph({ graphId, client });
const newThread = async () => {
  const thread = await client.threads.create().catch(() => undefined);
  return { configurable: { thread_id: thread?.thread_id ?? randomUUID() } };
};
const call = recorder();

const [echo, chat, slow, approval, fail] = ['echo', 'chat', 'slow', 'approval', 'fail'].map(remote);
const said = { message: 'hi' };
const talk = { messages: [{ role: 'human', content: 'hi' }] };
await call('getGraphAsync', async () => (await echo.getGraphAsync()).toJSON());
await call('invoke', () => echo.invoke(said));
const config = await newThread();
await call('invoke on a thread', () => echo.invoke(said, config));
await call('getState', () => echo.getState(config));
await call('getState with subgraphs', () => echo.getState(config, { subgraphs: true }));
await call('getStateHistory', () => echo.getStateHistory(config, { limit: 5 }));
await call('updateState', () => echo.updateState(config, { message: 'new' }, 'echo'));
for (const streamMode of ['values', 'updates', 'messages', 'custom', ['values', 'updates']]) {
  const thread = await newThread();
  await call(`stream, ${streamMode}`, () => chat.stream(talk, { ...thread, streamMode }));
}
await call('stream, slow', () => slow.stream({ ms: 500 }, { streamMode: ['custom', 'values'] }));
const asked = await newThread();
await call('invoke, interrupted', () => approval.invoke({ question: 'ok?' }, asked));
await call('getState, interrupted', () => approval.getState(asked));
await call('invoke, resumed', () => approval.invoke(new Command({ resume: { approved: true } }), asked));
await call('invoke that fails', () => fail.invoke({ message: 'boom' }));
await call('invoke of no agent', () => remote('no-such-agent').invoke(said));
const state = Annotation.Root({ message: Annotation() });
const graph = new StateGraph(state)
  .addNode('far', echo)
  .addEdge('__start__', 'far')
  .addEdge('far', '__end__')
  .compile();
await call('invoke as a node of a local graph', () => graph.invoke(said));
await call('invoke on a thread of its own name', () =>
  echo.invoke(said, { configurable: { thread_id: randomUUID() } }),
);
