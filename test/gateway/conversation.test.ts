import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { ask, stringIn } from './protocols.ts';
import { openSite, support } from './site.ts';
import { RestackStandIn } from './stand-ins.ts';

test('a run that was asked in messages leaves its reply in the thread, whatever its output is', async () => {
  await using restack = await RestackStandIn.open();
  restack.plan = ({ body }) => ({
    status: 'completed',
    output: { count: 1, reply: `heard ${JSON.stringify(body)}` },
  });
  await using site = await openSite({ restack, agents: [support] });
  const { url } = site.client;
  const thread = stringIn((await ask(url, 'POST', '/agent-protocol/threads', {})).body, 'thread_id');
  const run = async (more: JsonObject) => {
    const body = { agent_id: 'support', thread_id: thread, input: { message: 'hi' }, ...more };
    expect((await ask(url, 'POST', '/agent-protocol/runs/wait', body)).status).toBe(200);
    return ((await ask(url, 'GET', `/agent-protocol/threads/${thread}`)).body as JsonObject).messages;
  };
  const said = { role: 'user', content: 'hi' };
  const reply = { role: 'assistant', content: 'heard {"input":{"message":"hi"}}' };
  expect(await run({ messages: [said] })).toEqual([said, reply]);
  // A run that was not asked in messages adds none.
  expect(await run({})).toEqual([said, reply]);
  restack.plan = () => ({
    status: 'completed',
    output: { messages: [said, reply, said, { role: 'assistant', content: 'yes' }] },
  });
  expect(await run({ messages: [said] })).toEqual([said, reply, said, { role: 'assistant', content: 'yes' }]);
});
