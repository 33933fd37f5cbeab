import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { ask, objectIn, stringIn } from './protocols.ts';
import { openSite, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

async function openRig() {
  const intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: { items: [] } });
  const site = await openSite({ intuned, agents: [scraper] });
  const { url } = site.client;
  return {
    url,
    /** Makes a run and resolves with its end, in the protocol's format. */
    run: async (prefix: string, more: JsonObject) => {
      const { status, body } = await ask(url, 'POST', `${prefix}/runs/wait`, { agent_id: 'price-scraper', ...more });
      expect(status).toBe(200);
      return objectIn(objectIn(body).run);
    },
    statusOf: async (path: string) => (await ask(url, 'GET', path)).status,
    [Symbol.asyncDispose]: async () => {
      await site[Symbol.asyncDispose]();
      await intuned[Symbol.asyncDispose]();
    },
  };
}

test('a thread that an Agent Protocol run names is kept, or removed with the run that asks for it', async () => {
  await using rig = await openRig();
  const { url, run, statusOf } = rig;
  const { body } = await ask(url, 'POST', '/agent-protocol/threads', {});
  const thread_id = stringIn(body, 'thread_id');
  const path = `/agent-protocol/threads/${thread_id}`;
  for (const more of [{}, { on_completion: 'keep' }] as readonly JsonObject[]) {
    await run('/agent-protocol', { thread_id, ...more });
    expect(await statusOf(path)).toBe(200);
  }
  const last = await run('/agent-protocol', { thread_id, on_completion: 'delete' });
  expect(last).toMatchObject({ thread_id, status: 'success', on_completion: 'delete' });
  expect([await statusOf(path), await statusOf(`${path}/history`)]).toEqual([404, 404]);
  expect(await statusOf(`/agent-protocol/runs/${stringIn(last, 'run_id')}/wait`)).toBe(200);
  const refused = await ask(url, 'POST', '/agent-protocol/runs', { agent_id: 'price-scraper', thread_id });
  expect(refused.status).toBe(404);
});

test.each(['/acp/v0.2', '/agent-protocol'])(
  'a run without a thread under %s leaves a thread behind only with on_completion: keep',
  async (prefix) => {
    await using rig = await openRig();
    for (const more of [{}, { on_completion: 'delete' }] as readonly JsonObject[]) {
      expect(await rig.run(prefix, more)).not.toHaveProperty('thread_id');
    }
    const kept = await rig.run(prefix, { on_completion: 'keep' });
    expect(await rig.statusOf(`${prefix}/threads/${stringIn(kept, 'thread_id')}`)).toBe(200);
    const { body } = await ask(rig.url, 'POST', `${prefix}/threads/search`, {});
    expect(body).toHaveLength(1);
  },
);
