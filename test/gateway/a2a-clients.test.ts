import { Role, Task } from '@a2a-js/sdk';
import { ClientFactory } from '@a2a-js/sdk/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { asking, connect, kinds, messageOf, question, requestOf, send } from './a2a-client.ts';
import { openSite, type Site, scraper } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

let intuned: IntunedStandIn;
let restack: RestackStandIn;
let site: Site;

beforeAll(async () => {
  [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  site = await openSite({
    ...{ intuned, restack },
    agents: [scraper, asking],
    sections: { defaultAgent: 'price-scraper' },
  });
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await intuned[Symbol.asyncDispose]();
  await restack[Symbol.asyncDispose]();
});

describe.each(kinds.map((kind) => [kind[0], kind] as const))('@a2a-js/sdk over %s', (_, kind) => {
  test('@a2a-js/sdk sends data and gets the output of the task as an artifact', async () => {
    intuned.plan = () => ({ status: 'completed', result: { items: [{ price: 12.5 }], note: 'cheap' } });
    const client = await connect(kind, site.client.url, 'price-scraper');
    const task = await send(
      client,
      messageOf({ data: { url: 'https://shop.test/1' } }, { contextId: `shop ${kind[0]}` }),
    );
    expect(task).toMatchObject({
      contextId: `shop ${kind[0]}`,
      status: { state: 'TASK_STATE_COMPLETED' },
      history: [{ role: 'ROLE_USER', parts: [{ data: { url: 'https://shop.test/1' } }] }],
    });
    const [artifact] = task.artifacts as readonly { readonly parts: readonly JsonObject[] }[];
    expect(artifact?.parts.find(({ data }) => data !== undefined)?.data).toEqual({
      items: [{ price: 12.5 }],
      note: 'cheap',
    });
    expect(intuned.runs.at(-1)?.asked.body).toMatchObject({ parameters: { url: 'https://shop.test/1' } });
    const read = await client.getTask({ tenant: '', id: String(task.id), historyLength: 0 });
    expect([read.id, read.history, read.artifacts.length]).toEqual([task.id, [], 1]);
  });

  test('@a2a-js/sdk sends a message again and gets the task of the first one', async () => {
    intuned.plan = () => ({ status: 'completed', result: {} });
    const client = await connect(kind, site.client.url, 'price-scraper');
    const message = messageOf({ data: { url: 'again' } });
    const before = intuned.runs.length;
    const [first, second] = [await send(client, message), await send(client, message)];
    expect(second.id).toBe(first.id);
    expect(second.contextId).toBe(first.contextId);
    expect(intuned.runs.length).toBe(before + 1);
  });

  test('@a2a-js/sdk streams a task from its beginning to its end', async () => {
    intuned.plan = () => ({ status: 'completed', result: { price: 1 } });
    const client = await connect(kind, site.client.url, 'price-scraper');
    const seen: string[] = [];
    for await (const { payload } of client.sendMessageStream(requestOf(messageOf({ data: {} }))))
      seen.push(payload?.$case ?? '');
    expect([seen[0], seen.at(-2), seen.at(-1)]).toEqual(['task', 'artifactUpdate', 'statusUpdate']);
  });

  test('@a2a-js/sdk answers the question of a task by a text, and the task goes on', async () => {
    restack.plan = () => ({ status: 'running', output: { interrupt: question } });
    const client = await connect(kind, site.client.url, 'support');
    const task = await send(client, messageOf({ data: { message: 'refund me' } }));
    expect(task.status).toMatchObject({
      state: 'TASK_STATE_INPUT_REQUIRED',
      message: { role: 'ROLE_AGENT', parts: [{ text: 'refund?' }, { data: question }] },
    });
    const run = restack.runs.at(-1);
    const answer = messageOf({ text: 'yes' }, { taskId: String(task.id) });
    const answering = send(client, answer);
    const event = await run?.gotEvent();
    expect(event?.body).toMatchObject({ eventInput: { answer: 'yes' } });
    run?.say({ status: 'completed', output: { reply: 'done' } });
    expect(await answering).toMatchObject({
      id: task.id,
      contextId: task.contextId,
      status: { state: 'TASK_STATE_COMPLETED' },
      artifacts: [{ artifactId: 'output', parts: [{ text: 'done' }, { data: { reply: 'done' } }] }],
    });
    // The client lost the answer to its answer.
    const again = await send(client, answer);
    expect(again).toMatchObject({ id: task.id, status: { state: 'TASK_STATE_COMPLETED' } });
    expect(run?.events).toHaveLength(1);
    const { messageId } = answer;
    expect(again.history).toMatchObject([
      { role: 'ROLE_USER', parts: [{ data: { message: 'refund me' } }] },
      { role: 'ROLE_AGENT', parts: [{ text: 'refund?' }, { data: question }] },
      { role: 'ROLE_USER', parts: [{ text: 'yes' }], messageId, taskId: task.id, contextId: task.contextId },
    ]);
    const other = { ...messageOf({ text: 'no' }, { taskId: String(task.id) }), messageId };
    await expect(send(client, other)).rejects.toThrow(/was used before/);
    const read = await client.getTask({ tenant: '', id: String(task.id), historyLength: 2 });
    expect(read.history.map(({ role }) => role)).toEqual([Role.ROLE_AGENT, Role.ROLE_USER]);
    await expect(send(client, messageOf({ text: 'more' }, { taskId: String(task.id) }))).rejects.toMatchObject({
      message: expect.stringContaining('the task is over'),
    });
  });

  test('@a2a-js/sdk cancels a task, and a task that is over is not cancelled again', async () => {
    restack.plan = () => ({ status: 'running', output: { interrupt: question } });
    const client = await connect(kind, site.client.url, 'support');
    const { id } = await send(client, messageOf({ data: {} }));
    const cancel = () => client.cancelTask({ tenant: '', id: String(id), metadata: undefined });
    expect(Task.toJSON(await cancel())).toMatchObject({ id, status: { state: 'TASK_STATE_CANCELED' } });
    await expect(cancel()).rejects.toThrow(/cannot be canceled|not cancelable/i);
    // The same run, in another protocol.
    expect(await site.client.read(String(id))).toMatchObject({ status: 'error' });
  });

  test('@a2a-js/sdk gets the error of a task that is not there, and of a file', async () => {
    const client = await connect(kind, site.client.url, 'price-scraper');
    await expect(client.getTask({ tenant: '', id: 'no-such-task', historyLength: undefined })).rejects.toThrow(
      /not found/i,
    );
    const file = messageOf({ url: 'https://files.test/a.pdf', mediaType: 'application/pdf' });
    await expect(send(client, file)).rejects.toThrow(/content type|Incompatible/i);
  });

  test('@a2a-js/sdk gets the end of a task that fails, with its words', async () => {
    intuned.plan = () => ({ status: 'failed', error: 'the shop is closed' });
    const client = await connect(kind, site.client.url, 'price-scraper');
    const { status } = await send(client, messageOf({ data: {} }));
    expect(status).toMatchObject({ state: 'TASK_STATE_FAILED', message: { role: 'ROLE_AGENT' } });
  });

  test('@a2a-js/sdk subscribes to a task under way and sees its end', async () => {
    restack.plan = () => ({ status: 'running', output: { interrupt: question } });
    const client = await connect(kind, site.client.url, 'support');
    const { id } = await send(client, messageOf({ data: {} }));
    const run = restack.runs.at(-1);
    const events = client.resubscribeTask({ tenant: '', id: String(id) });
    expect((await events.next()).value?.payload).toMatchObject({ $case: 'task', value: { id } });
    await site.client.ask('POST', `/runs/${id}`, { answer: 'yes' });
    await run?.gotEvent();
    run?.say({ status: 'completed', output: { reply: 'done' } });
    const rest: (string | undefined)[] = [];
    for await (const { payload } of events) rest.push(payload?.$case);
    expect(rest.slice(-2)).toEqual(['artifactUpdate', 'statusUpdate']);
    await expect(client.resubscribeTask({ tenant: '', id: String(id) }).next()).rejects.toThrow(/over/);
  });
});

test('the card of the default agent is at the well-known address of the host', async () => {
  const client = await new ClientFactory().createFromUrl(site.client.url);
  const card = await client.getAgentCard();
  expect(card).toMatchObject({ name: 'price-scraper', description: 'Reads prices.', version: '1.2.0' });
  expect(card.supportedInterfaces.map(({ url }) => url)).toEqual(Array(3).fill(`${site.client.url}/a2a/price-scraper`));
});

test('a card is not sent again to a client that has it', async () => {
  const url = `${site.client.url}/a2a/support/.well-known/agent-card.json`;
  const first = await fetch(url);
  const etag = first.headers.get('etag') ?? '';
  expect([first.headers.get('cache-control'), first.headers.has('last-modified')]).toEqual([
    'public, max-age=300',
    true,
  ]);
  const again = await fetch(url, { headers: { 'if-none-match': etag } });
  expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
});
