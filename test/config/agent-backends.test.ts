import { describe, expect, test } from 'vitest';
import { buildAgents } from '../../src/agents/agent-directory.ts';
import { sharedConnection } from '../../src/agents/backend-connections.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import { acme, parse, refuse, silentConnection, words } from './vendors.ts';

const registry = [acme, { ...acme, name: 'bolt' }];

/** Two backends of one adapter, one of another; `lines` are the agent's. */
function configWith(lines: string, backend = ''): string {
  const account = 'baseUrl: https://acme.example, apiKey: hush-hush-1234';
  return [
    'backends:',
    `  main: { adapter: acme, ${account} }`,
    `  spare: { adapter: acme, ${account}${backend} }`,
    `  desk: { adapter: bolt, ${account} }`,
    'agents:',
    '  - name: sweeper',
    '    target: { job: sweep }',
    '    mapping: { status: { done: success }, output: result }',
    ...lines.split('\n').map((line) => `    ${line}`),
  ].join('\n');
}

describe('the backends of an agent', () => {
  const pair = 'backends: [{ name: main, weight: 3 }, { name: spare }]';

  test('an agent with several has a connection to each, and is named by the first', async () => {
    const config = await parse(configWith(pair), { registry });
    const spare: Connection = { ...silentConnection };
    const shared = { main: sharedConnection(silentConnection), spare: sharedConnection(spare) };
    const [agent] = buildAgents({ ...config, maxOutputBytes: 1000 }, new Map(Object.entries(shared))).all;
    expect(agent).toMatchObject({ backend: 'main', tenants: undefined });
    expect(agent?.places?.map((member) => [member.agent.backend, member.weight])).toEqual([
      ['main', 3],
      ['spare', 1],
    ]);
    const connections = agent?.places?.map((member) => member.agent.connectionFor('default')) ?? [];
    expect(connections.map((connection) => connection === spare)).toEqual([false, true]);
  });

  test('an agent with several is open to the tenants that have credentials at one of them', async () => {
    const both = 'backends: [{ name: main }, { name: spare }]';
    const shared = { main: sharedConnection(silentConnection), spare: sharedConnection(silentConnection) };
    const open = async (options: Parameters<typeof buildAgents>[0]['backends']) => {
      const config = await parse(configWith(both), { registry });
      const named = { ...config, backends: options, maxOutputBytes: 1000 };
      return buildAgents(named, new Map(Object.entries(shared))).all[0];
    };
    const one = await open([
      { name: 'main', settingsByTenant: { red: 1, blue: 1 } },
      { name: 'spare', settingsByTenant: { red: 1, green: 1 } },
    ]);
    expect(one?.tenants).toEqual(['red', 'blue', 'green']);
    expect(one?.places?.map(({ agent }) => agent.tenants)).toEqual([
      ['red', 'blue'],
      ['red', 'green'],
    ]);
    const other = await open([
      { name: 'main', settingsByTenant: { red: 1 } },
      { name: 'spare', settingsByTenant: null },
    ]);
    expect(other?.tenants).toBeUndefined();
  });

  test.each<[string, string, string | RegExp]>([
    ['description: none', 'agents[0].backend', 'is required, unless the agent has `backends`'],
    ['backend: 7', 'agents[0].backend', /string/],
    ['backends: []', 'agents[0].backends', /at least|must not be empty/],
    ['backends: main', 'agents[0].backends', /array|list/],
    ['backend: main\nbackends: [{ name: main }]', 'agents[0].backend', 'must be left out'],
    ['backends: [{ name: main }, { name: sparse }]', 'agents[0].backends[1].name', 'names no backend'],
    ['backends: [{ name: main }, { weight: 1 }]', 'agents[0].backends[1].name', /required/],
    ['backends: [{ name: main }, { name: main }]', 'agents[0].backends[1].name', 'is named twice'],
    ['backends: [{ name: main, weight: 0 }]', 'agents[0].backends', 'must have a weight above 0'],
    ['backends: [{ name: main, weight: -1 }]', 'agents[0].backends[0].weight', /0/],
    ['backends: [{ name: main, wieght: 1 }]', 'agents[0].backends[0].wieght', 'is not a known key'],
    [
      'backends: [{ name: main }, { name: desk }]',
      'agents[0].backends[1].name',
      'has the adapter bolt, but main has acme; all must have the same',
    ],
  ])('an agent with %j is refused with its place and a reason', async (lines, path, message) => {
    const problems = words(await refuse(configWith(lines), { registry }));
    expect(problems.find((problem) => problem.path === path)?.message ?? JSON.stringify(problems)).toMatch(message);
    expect(problems).toHaveLength(1);
  });
});
