import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Receiver } from '../webhooks/receiver.ts';
import { asking, connect, kinds, messageOf, question, requestOf, send } from './a2a-client.ts';
import { openSite, type Site, scraper } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

let intuned: IntunedStandIn;
let restack: RestackStandIn;
let receiver: Receiver;
let site: Site;

beforeAll(async () => {
  [intuned, restack, receiver] = [await IntunedStandIn.open(), await RestackStandIn.open(), await Receiver.open()];
  site = await openSite({
    ...{ intuned, restack },
    agents: [scraper, asking],
    sections: { webhooks: { unsigned: true, allow: ['127.0.0.1'] } },
  });
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await intuned[Symbol.asyncDispose]();
  await restack[Symbol.asyncDispose]();
});

type Pushed = { readonly task?: { readonly id: string; readonly status: { readonly state: string } } };

/** What the receiver got of a task in a state. */
async function pushedOf(id: string, state: string) {
  return await receiver.until((received) =>
    received.find(({ body }) => {
      const { task } = body as Pushed;
      return task?.id === id && task.status.state === state;
    }),
  );
}

test('a receiver at a private address is refused with its place in the request, and begins nothing', async () => {
  const starts = intuned.runs.length;
  const message = { messageId: 'private', role: 'ROLE_USER', parts: [{ data: {} }] };
  const configuration = { taskPushNotificationConfig: { url: 'http://169.254.169.254/latest' } };
  const answer = await fetch(`${site.client.url}/a2a/price-scraper/message:send`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0' },
    body: JSON.stringify({ message, configuration }),
  });
  const { error } = (await answer.json()) as { error: { message: string; details: readonly object[] } };
  expect([answer.status, error.message]).toEqual([
    400,
    'the request is not valid: configuration/taskPushNotificationConfig/url must not lead to a private address',
  ]);
  expect(error.details).toContainEqual(
    expect.objectContaining({
      fieldViolations: [expect.objectContaining({ field: 'configuration.taskPushNotificationConfig.url' })],
    }),
  );
  expect(intuned.runs.length).toBe(starts);
});

describe.each(kinds.map((kind) => [kind[0], kind] as const))('push notifications over %s', (_, kind) => {
  test('a receiver that a message names gets the task at each step, with its token and its credentials', async () => {
    restack.plan = () => ({ status: 'running', output: { interrupt: question } });
    const client = await connect(kind, site.client.url, 'support');
    const config = {
      ...{ tenant: '', taskId: '', id: '', url: receiver.url, token: 'the-token' },
      authentication: { scheme: 'Bearer', credentials: 'the-credentials' },
    };
    const configuration = {
      ...{ acceptedOutputModes: [], returnImmediately: false, historyLength: undefined },
      taskPushNotificationConfig: config,
    };
    const message = messageOf({ data: { message: 'refund me' } });
    const task = await client.sendMessage({ ...requestOf(message), configuration });
    const id = 'status' in task ? task.id : '';
    const asked = await pushedOf(id, 'TASK_STATE_INPUT_REQUIRED');
    expect(asked.headers).toMatchObject({
      authorization: 'Bearer the-credentials',
      'x-a2a-notification-token': 'the-token',
    });
    const run = restack.runs.at(-1);
    const answering = send(client, messageOf({ text: 'yes' }, { taskId: id }));
    await run?.gotEvent();
    run?.say({ status: 'completed', output: { reply: 'done' } });
    await answering;
    const { task: pushed } = (await pushedOf(id, 'TASK_STATE_COMPLETED')).body;
    expect(pushed).toMatchObject({ id, artifacts: [{ artifactId: 'output', parts: [{ data: { reply: 'done' } }] }] });
  });

  test('a receiver is added to a task, read, listed and removed', async () => {
    restack.plan = () => ({ status: 'running', output: { interrupt: question } });
    const client = await connect(kind, site.client.url, 'support');
    const { id: taskId } = await send(client, messageOf({ data: {} }));
    const named = { tenant: '', taskId: String(taskId), id: 'mine' };
    const config = { ...named, url: receiver.url, token: 't', authentication: undefined };
    expect(await client.createTaskPushNotificationConfig(config)).toMatchObject({ id: 'mine', url: receiver.url });
    expect(await client.getTaskPushNotificationConfig(named)).toMatchObject({ id: 'mine', token: 't' });
    const list = async () =>
      (await client.listTaskPushNotificationConfig({ ...named, pageSize: 0, pageToken: '' })).configs.map(
        ({ id }) => id,
      );
    expect(await list()).toEqual(['mine']);
    await client.deleteTaskPushNotificationConfig(named);
    await client.deleteTaskPushNotificationConfig(named);
    expect(await list()).toEqual([]);
    await expect(client.getTaskPushNotificationConfig(named)).rejects.toThrow(/no such push/);
  });
});

/** Numbers of the states as the SDK has them. */
const states = { FAILED: 4, CANCELED: 5, INPUT_REQUIRED: 6 } as const;

describe.each(kinds.slice(0, 2).map((kind) => [kind[0], kind] as const))('a list over %s', (_, kind) => {
  const all = { tenant: '', status: 0, pageToken: '', statusTimestampAfter: undefined } as const;

  test('a list has the tasks of a context, newest change first, page by page', async () => {
    intuned.plan = () => ({ status: 'completed', result: { price: 1 } });
    const client = await connect(kind, site.client.url, 'price-scraper');
    const contextId = `list ${kind[0]}`;
    const made: string[] = [];
    for (const url of ['a', 'b', 'c'])
      made.unshift(String((await send(client, messageOf({ data: { url } }, { contextId }))).id));
    const query = { ...all, contextId, historyLength: 0, pageSize: 2, includeArtifacts: false };
    const first = await client.listTasks(query);
    expect([first.tasks.map(({ id }) => id), first.totalSize, first.pageSize]).toEqual([made.slice(0, 2), 3, 2]);
    expect(first.tasks.map(({ artifacts, history }) => [artifacts, history])).toEqual([
      [[], []],
      [[], []],
    ]);
    const rest = await client.listTasks({ ...query, pageToken: first.nextPageToken, includeArtifacts: true });
    expect([rest.tasks.map(({ id }) => id), rest.nextPageToken]).toEqual([made.slice(2), '']);
    expect(rest.tasks[0]?.artifacts).toHaveLength(1);
    const none = await client.listTasks({ ...query, contextId: 'another context' });
    expect([none.tasks, none.totalSize]).toEqual([[], 0]);
  });

  test('a list has the tasks of a state, and those that changed since an instant', async () => {
    restack.plan = () => ({ status: 'running', output: { interrupt: question } });
    const client = await connect(kind, site.client.url, 'support');
    const contextId = `states ${kind[0]}`;
    const asked = await send(client, messageOf({ data: {} }, { contextId }));
    const idsOf = async (more: { readonly status?: number; readonly statusTimestampAfter?: string }) => {
      const query = { ...all, contextId, historyLength: 0, pageSize: 50, includeArtifacts: false, ...more };
      return (await client.listTasks(query)).tasks.map(({ id }) => id);
    };
    expect(await idsOf({ status: states.INPUT_REQUIRED })).toEqual([asked.id]);
    // Cancelled in another protocol.
    await site.client.ask('POST', `/acp/v0.2/runs/${asked.id}/cancel`);
    expect(await idsOf({ status: states.INPUT_REQUIRED })).toEqual([]);
    expect(await idsOf({ status: states.CANCELED })).toEqual([asked.id]);
    expect(await idsOf({ status: states.FAILED })).toEqual([]);
    const { timestamp } = asked.status as { readonly timestamp: string };
    expect(await idsOf({ statusTimestampAfter: timestamp })).toEqual([asked.id]);
    const later = new Date(Date.now() + 60_000).toISOString();
    expect(await idsOf({ statusTimestampAfter: later })).toEqual([]);
  });
});
