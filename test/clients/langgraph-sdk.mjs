// Drives the gateway with @langchain/langgraph-sdk as far as its paths match. See README.md beside this file.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [base, folder] = process.argv.slice(2);
if (base === undefined || folder === undefined) {
  process.stderr.write('usage: langgraph-sdk.mjs GATEWAY_URL FOLDER_WITH_NODE_MODULES\n');
  process.exit(2);
}
const found = createRequire(join(folder, 'package.json')).resolve('@langchain/langgraph-sdk');
const { Client } = await import(pathToFileURL(found).href);

const failures = [];

async function step(name, run) {
  try {
    await run();
    process.stdout.write(`ok     ${name}\n`);
  } catch (fault) {
    failures.push(name);
    process.stdout.write(`FAILED ${name}: ${String(fault?.message ?? fault).split('\n')[0]}\n`);
  }
}

async function refused(call) {
  await assert.rejects(call);
}

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** What both mounts have in common. */
async function threads(client, mount) {
  const thread = await client.threads.create({ metadata: { from: mount }, ifExists: 'raise' });
  const id = thread.thread_id;
  await step(`${mount} threads.create twice`, async () => {
    await refused(client.threads.create({ threadId: id }));
    assert.equal((await client.threads.create({ threadId: id, ifExists: 'do_nothing' })).thread_id, id);
  });
  await step(`${mount} threads.get, update, search, copy`, async () => {
    await client.threads.update(id, { metadata: { step: 1 } });
    assert.deepEqual((await client.threads.get(id)).metadata, { from: mount, step: 1 });
    const [first] = await client.threads.search({ metadata: { step: 1 }, status: 'idle', limit: 1 });
    assert.equal(first.thread_id, id);
    assert.notEqual((await client.threads.copy(id)).thread_id, id);
  });
  return id;
}

async function stateless(client, mount, valuesOf) {
  const input = { hello: 'world' };
  // The client names an agent as `assistant_id`, which stands for `agent_id` where unknown fields are ignored.
  await step(`${mount} runs.create, without a thread`, async () => {
    const run = await client.runs.create(null, 'echo', { input, metadata: { from: mount } });
    assert.equal(run.status, 'pending');
  });
  await step(`${mount} runs.wait, without a thread`, async () => {
    let created;
    const answer = await client.runs.wait(null, 'echo', { input, onRunCreated: (run) => (created = run) });
    assert.deepEqual(valuesOf(answer), input);
    assert.equal(created.run_id, answer.run.run_id);
  });
  await step(`${mount} runs.stream, without a thread; joinStream`, async () => {
    let created;
    const options = { input, streamMode: 'values', onRunCreated: (run) => (created = run) };
    const events = await collect(client.runs.stream(null, 'echo', options));
    assert.deepEqual(valuesOf(events.at(-1)?.data), input);
    const again = await collect(client.runs.joinStream(null, created.run_id));
    assert.deepEqual(again.at(-1)?.data, events.at(-1)?.data);
  });
}

const protocol = new Client({ apiUrl: `${base}/agent-protocol`, apiKey: null });
const acp = new Client({ apiUrl: `${base}/acp/v0.2`, apiKey: null });

const forProtocol = await threads(protocol, 'agent-protocol');
await stateless(protocol, 'agent-protocol', (data) => (data && 'values' in data ? data.values : data));
await step('agent-protocol events are named by their mode', async () => {
  const events = await collect(
    protocol.runs.stream(null, 'echo', { input: { n: 1 }, streamMode: ['values', 'custom'] }),
  );
  assert.deepEqual(
    events.map(({ event }) => event),
    ['custom', 'custom', 'values'],
  );
});
await step('agent-protocol threads.delete', async () => {
  await protocol.threads.delete(forProtocol);
  await refused(protocol.threads.get(forProtocol));
});

await step('agent-protocol store.putItem, getItem', async () => {
  await protocol.store.putItem(['sdk', 'user-1'], 'likes', { kind: 'taste', text: 'tea' });
  await protocol.store.putItem(['sdk', 'user-2'], 'likes', { kind: 'taste', text: 'coffee' });
  await protocol.store.putItem(['sdk', 'user-2'], 'name', { kind: 'fact', text: 'Ada' });
  const item = await protocol.store.getItem(['sdk', 'user-1'], 'likes');
  assert.deepEqual([item.namespace, item.key, item.value.text], [['sdk', 'user-1'], 'likes', 'tea']);
  assert.equal(item.createdAt, new Date(item.createdAt).toISOString());
  await protocol.store.putItem(['sdk', 'user-1'], 'likes', { kind: 'taste', text: 'cocoa' });
  const changed = await protocol.store.getItem(['sdk', 'user-1'], 'likes');
  assert.deepEqual([changed.value.text, changed.createdAt], ['cocoa', item.createdAt]);
});
await step('agent-protocol store.searchItems, listNamespaces', async () => {
  const texts = async (prefix, options) =>
    (await protocol.store.searchItems(prefix, options)).items.map(({ value }) => value.text);
  assert.deepEqual(await texts(['sdk']), ['cocoa', 'coffee', 'Ada']);
  assert.deepEqual(await texts(['sdk'], { filter: { kind: 'taste' } }), ['cocoa', 'coffee']);
  assert.deepEqual(await texts(['sdk'], { limit: 1, offset: 1 }), ['coffee']);
  const user1 = ['sdk', 'user-1'];
  assert.deepEqual(await protocol.store.listNamespaces({ prefix: ['sdk'] }), [user1, ['sdk', 'user-2']]);
  assert.deepEqual(await protocol.store.listNamespaces({ suffix: ['user-1'] }), [user1]);
  assert.deepEqual(await protocol.store.listNamespaces({ prefix: ['sdk'], maxDepth: 1 }), [['sdk']]);
});
await step('agent-protocol store.deleteItem', async () => {
  for (const [user, key] of [
    ['user-1', 'likes'],
    ['user-2', 'likes'],
    ['user-2', 'name'],
  ])
    await protocol.store.deleteItem(['sdk', user], key);
  await refused(protocol.store.getItem(['sdk', 'user-1'], 'likes'));
  await refused(protocol.store.deleteItem(['sdk', 'user-1'], 'likes'));
  assert.deepEqual(await protocol.store.listNamespaces({ prefix: ['sdk'] }), []);
});

const thread = await threads(acp, 'acp/v0.2');
await stateless(acp, 'acp/v0.2', (data) => (data.output ?? data).values);
await step('acp/v0.2 runs of a thread: create, get, list, wait, stream, cancel, delete', async () => {
  const run = await acp.runs.create(thread, 'echo', { input: { turn: 1 } });
  assert.equal((await acp.runs.get(thread, run.run_id)).thread_id, thread);
  const waited = await acp.runs.wait(thread, 'echo', { input: { turn: 2 }, multitaskStrategy: 'enqueue' });
  assert.deepEqual(waited.output.values, { turn: 2 });
  assert.deepEqual((await acp.threads.get(thread)).values, { turn: 2 });
  const events = await collect(acp.runs.stream(thread, 'echo', { input: { turn: 3 }, streamMode: ['values'] }));
  assert.deepEqual(events.at(-1)?.data.values, { turn: 3 });
  assert.equal((await acp.runs.list(thread)).length, 3);
  await acp.runs.cancel(thread, run.run_id, true);
  await acp.runs.delete(thread, run.run_id);
  await refused(acp.runs.get(thread, run.run_id));
});
await step('acp/v0.2 threads.delete', async () => await acp.threads.delete(thread));

for (const [name, call] of [
  ['assistants.search', () => protocol.assistants.search()],
  ['threads.getState', () => acp.threads.getState(thread)],
  ['threads.getHistory', () => acp.threads.getHistory(thread)],
  ['runs.join', () => acp.runs.join(thread, thread)],
  ['crons.search', () => protocol.crons.search()],
]) {
  await step(`no path matches ${name}: refused`, async () => await refused(call()));
}

process.exit(failures.length === 0 ? 0 : 1);
