import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { openSite, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

const declaring: JsonObject = {
  ...scraper,
  name: 'graph',
  schemas: { config: { properties: { assistant_id: { type: 'string' }, checkpoint_id: {} } } },
};
/** Without the judgement of ACP 0.1, because other protocols are asked too. */
async function post(url: string, body: JsonObject): Promise<{ readonly status: number; readonly text: string }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: answer.status, text: await answer.text() };
}

const sections = { server: { port: 0, unknownFields: 'ignore' }, defaultAgent: 'price-scraper' };

test('a run whose agent, command or start is in a member that the protocol lacks does not become another run', async () => {
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  await using site = await openSite({ intuned, agents: [scraper, declaring], sections });
  for (const prefix of ['', '/acp/v0.2', '/agent-protocol']) {
    const create = (body: JsonObject) => post(`${site.client.url}${prefix}/runs`, { input: {}, ...body });
    expect((await create({ assistant_id: 'fail' })).status).toBe(404);
    expect((await create({ command: { resume: true } })).status).toBe(422);
    expect((await create({ interrupt_before: '*' })).status).toBe(422);
  }
  expect(intuned.runs).toEqual([]);
  const { agent_id: named } = await site.client.create({ assistant_id: 'graph', input: {} });
  expect((await site.client.ask('GET', '/agents/graph')).body).toMatchObject({ agent_id: named });
}, 60_000);

test.each(['assistant_id', 'graph_id', 'checkpoint_id', 'checkpoint_ns', 'checkpoint_map'])(
  'config.configurable.%s is refused unless the schema of the agent has it',
  async (member) => {
    await using intuned = await IntunedStandIn.open();
    intuned.plan = () => ({ status: 'completed', result: 1 });
    await using site = await openSite({ intuned, agents: [scraper, declaring] });
    for (const [path, config] of [
      ['/runs', { [member]: 'x' }],
      ['/acp/v0.2/runs', { configurable: { [member]: 'x' } }],
      ['/agent-protocol/runs', { configurable: { [member]: 'x' } }],
    ] as const) {
      const refused = await post(site.client.url + path, { agent_id: 'price-scraper', input: {}, config });
      expect([path, refused.status]).toEqual([path, 422]);
      expect(refused.text).toContain(`config/${member} routes nothing here`);
      const isDeclared = member === 'assistant_id' || member === 'checkpoint_id';
      const asked = await post(site.client.url + path, { agent_id: 'graph', input: {}, config });
      expect([path, asked.status]).toEqual([path, isDeclared ? 200 : 422]);
    }
  },
  20_000,
);
