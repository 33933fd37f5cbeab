import assert from 'node:assert/strict';
import { Message, type Task } from '@a2a-js/sdk';
import { type Client, ClientFactory } from '@a2a-js/sdk/client';
import { KilledGateways, type KillPlace, startedOnce } from '../../gateway/killed-gateways.ts';
import { support } from '../../gateway/site.ts';
import { RestackStandIn } from '../../gateway/stand-ins.ts';

const completed = 3;
const working = 2;
const agent = { ...support, mapping: { interrupt: 'output.interrupt' } };
const question = { interrupt_type: 'approval', text: 'refund?' };

/**
 * The gateway is killed while the client streams a task, and again while its answer to the task's question is on its way. With
 * PostgreSQL the other replica takes over each time.
 */
export async function outliveKills(place: KillPlace): Promise<string> {
  await using restack = await RestackStandIn.open();
  restack.plan = () => ({ status: 'running' });
  await using gateways = await KilledGateways.open(place, {
    pacing: { floorMs: 20, watchedCeilingMs: 100, ceilingMs: 200 },
    backends: { restack: { adapter: 'restack', baseUrl: restack.origin } },
    agents: [agent],
  });
  const connect = async (): Promise<Client> =>
    await new ClientFactory().createFromUrl(`${gateways.url}/a2a/support/.well-known/agent-card.json`, '');
  const input = `message ${place.name}`;
  const { id } = await startAndCut(await connect(), input, () => gateways.kill());
  const upstream = await startedOnce(restack, input);
  let client = await connect();
  assert.equal((await client.getTask({ tenant: '', id, historyLength: 0 })).status?.state, working);
  const asked = follow(client, id);
  upstream.say({ status: 'running', output: { interrupt: question } });
  assert.deepEqual([(await asked)[0], (await asked).at(-1)], ['task', 'statusUpdate']);
  const answer = Message.fromJSON({
    ...{ messageId: `answer ${place.name}`, role: 'ROLE_USER', parts: [{ text: 'yes' }], taskId: id },
  });
  // Sent again to the gateway that came after the kill, the answer is the same one.
  const lost = client.sendMessage(request(answer)).catch(() => null);
  await upstream.gotEvent();
  await gateways.kill();
  await lost;
  client = await connect();
  const answered = client.sendMessage(request(answer));
  upstream.say({ status: 'completed', output: { reply: 'done' } });
  const end = (await answered) as Task;
  assert.equal(end.status?.state, completed);
  assert.deepEqual([end.artifacts.length, end.history.length, upstream.events.length], [1, 3, 1]);
  await startedOnce(restack, input);
  return `${gateways.kills} kills; the task worked, asked, took one answer sent twice, and completed; 1 start at the vendor`;
}

function request(message: Message) {
  return { tenant: '', message, configuration: undefined, metadata: undefined };
}

/** Begins a task by a stream, which the kill cuts once the vendor works. */
async function startAndCut(client: Client, input: string, kill: () => Promise<void>): Promise<Task> {
  const message = Message.fromJSON({ messageId: input, role: 'ROLE_USER', parts: [{ data: { message: input } }] });
  let task: Task | undefined;
  try {
    for await (const { payload } of client.sendMessageStream(request(message))) {
      if (payload?.$case === 'task') task = payload.value;
      if (payload?.$case === 'statusUpdate' && payload.value.status?.state === working) await kill();
    }
  } catch (cut) {
    if (task !== undefined) return task;
    throw cut;
  }
  if (task === undefined) throw new Error('the stream gave no task');
  return task;
}

/** What a client that subscribes sees of a task until it asks or ends. */
async function follow(client: Client, id: string): Promise<readonly (string | undefined)[]> {
  const seen: (string | undefined)[] = [];
  for await (const { payload } of client.resubscribeTask({ tenant: '', id })) seen.push(payload?.$case);
  return seen;
}
