import { Command } from '@langchain/langgraph';
import { RemoteGraph } from '@langchain/langgraph/remote';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { LangGraphSite } from './langgraph-site.ts';

vi.setConfig({ testTimeout: 60_000 });

let site: LangGraphSite;
beforeAll(async () => {
  site = await LangGraphSite.open({ server: { port: 0, cors: { origins: ['https://chat.example'] } } });
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
});

const remote = (graphId: string) => new RemoteGraph({ graphId, client: site.client('1.15.0') as never });
const said = { messages: [{ role: 'human', content: 'hi' }] };
const done = (reply: string) => ({ status: 'completed', output: { reply } });
const asking = { status: 'running', output: { ask: { question: 'sure?' } } };

async function newConfig() {
  return { configurable: { thread_id: await site.newThread() } };
}

test('RemoteGraph invokes an agent, with a thread, with one that it names itself, and without', async () => {
  site.plan(done('hello'));
  const reply = { reply: 'hello', messages: [{ type: 'human' }, { type: 'ai', content: 'hello' }] };
  expect(await remote('talk').invoke(said)).toMatchObject(reply);
  expect(await remote('talk').invoke(said, await newConfig())).toMatchObject(reply);
  const named = { configurable: { thread_id: crypto.randomUUID() } };
  expect(await remote('talk').invoke(said, named)).toMatchObject(reply);
  site.plan({ status: 'completed', output: { n: 2 } });
  expect(await remote('count').invoke({ n: 1 })).toEqual({ n: 2 });
});

test.each([
  ['values', [{ messages: [{}] }, { reply: 'hello' }]],
  ['updates', [{ talk: { reply: 'hello', messages: [{ type: 'ai' }] } }]],
  ['messages', [[{ type: 'ai', content: 'hello' }, { langgraph_node: 'talk' }]]],
  [
    ['values', 'updates'],
    [
      ['values', {}],
      ['updates', {}],
      ['values', { reply: 'hello' }],
    ],
  ],
])('RemoteGraph streams %j', async (streamMode, expected) => {
  site.plan(done('hello'));
  const stream = await remote('talk').stream(said, { ...(await newConfig()), streamMode: streamMode as never });
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  const shown = streamMode === 'messages' ? chunks.filter((chunk) => Array.isArray(chunk)) : chunks;
  expect(shown).toMatchObject(expected);
});

test('RemoteGraph raises the question of a run, and resumes it', async () => {
  const config = await newConfig();
  site.plan(asking);
  const started = site.nextStart();
  await expect(remote('talk').invoke(said, config)).rejects.toMatchObject({
    interrupts: [{ value: { question: 'sure?' } }],
  });
  const upstream = await started;
  const resumed = remote('talk').invoke(new Command({ resume: { yes: true } }) as never, config);
  expect((await upstream.gotEvent()).body).toMatchObject({ eventInput: { yes: true } });
  upstream.say(done('as you like'));
  expect(await resumed).toMatchObject({ reply: 'as you like' });
});

test('RemoteGraph raises what a run failed of, and that there is no agent of a name', async () => {
  site.plan({ status: 'failed', error: 'out of tea' });
  await expect(remote('talk').invoke(said)).rejects.toThrow(/out of tea/);
  await expect(remote('nobody').invoke(said)).rejects.toThrow(/404.*no such agent/);
});

test('pages of other origins may send the header of a scheme, and read where a stream goes on', async () => {
  const origin = 'https://chat.example';
  const preflight = await fetch(`${site.url}/runs/stream`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-auth-scheme' },
  });
  expect(preflight.headers.get('access-control-allow-headers')).toContain('X-Auth-Scheme');
  const answer = await fetch(`${site.url}/ok`, { headers: { origin } });
  const exposed = answer.headers.get('access-control-expose-headers')?.split(/, ?/);
  expect(exposed).toEqual(
    expect.arrayContaining(['Content-Location', 'Location', 'X-Pagination-Total', 'X-Pagination-Next']),
  );
});
