import { describe, expect, test } from 'vitest';
import { createAcpV01 } from '../../src/protocols/acp-v01/protocol.ts';
import { openSite } from '../http/app.ts';
import { documentsAbsent, openDocument } from './acp-documents.ts';
import { absentId, agentId, agentOf } from './scripted-api.ts';

const plain = {
  agent_id: agentId,
  metadata: {
    ref: { name: 'price-scraper', version: '1.2.3' },
    description: 'Reads the prices of one shop page.',
  },
};

const approval = { type: 'approval', interruptPayload: { type: 'object' }, resumePayload: { type: 'boolean' } };

const interruptible = agentOf({ mapping: { ...agentOf({}).mapping, interrupts: true } });

test('POST /agents/search passes on name and version, with and without a body', async () => {
  await using site = await openSite();
  const answer = await site.post('/agents/search', { name: 'price-scraper', version: '1.2.3', limit: 5, offset: 1 });
  expect([answer.status, await answer.json()]).toEqual([200, [plain]]);
  expect(await (await site.fetch('/agents/search', { method: 'POST' })).json()).toEqual([plain]);
  expect(site.api.agents.searched).toEqual([
    { name: 'price-scraper', version: '1.2.3', limit: 5, offset: 1 },
    { limit: 10, offset: 0 },
  ]);
});

test.each([agentId, 'price-scraper'])('GET /agents/%s answers the agent', async (reference) => {
  await using site = await openSite();
  const answer = await site.fetch(`/agents/${reference}`);
  expect([answer.status, await answer.json()]).toEqual([200, plain]);
});

test.each(['', '/descriptor'])('GET /agents/{agent_id}%s is 404 for an absent agent', async (rest) => {
  await using site = await openSite();
  for (const reference of [absentId, 'nobody']) {
    const answer = await site.fetch(`/agents/${reference}${rest}`);
    expect([answer.status, await answer.json()]).toEqual([404, 'no such agent']);
  }
});

describe('GET /agents/{agent_id}/descriptor', () => {
  const read = async (agent = agentOf({}), features = {}) => {
    const protocol = createAcpV01({ unknownFields: 'reject', maxBlockSeconds: 1, ...features });
    await using site = await openSite({ mounts: [{ protocol, prefix: '' }] });
    site.api.agents.byId.set(agentId, agent);
    return await (await site.fetch('/agents/price-scraper/descriptor')).json();
  };

  test('a descriptor shows the schemas as configured', async () => {
    expect(await read()).toEqual({
      metadata: plain.metadata,
      specs: {
        capabilities: {
          threads: true,
          interrupts: false,
          callbacks: false,
          streaming: { result: true, custom: true },
        },
        input: { type: 'object', required: ['url'] },
        output: { type: 'array' },
        config: {},
        thread_state: {},
        custom_streaming_update: {
          type: 'object',
          required: ['phase'],
          properties: {
            phase: {
              type: 'string',
              enum: ['queued', 'starting', 'running', 'interrupted', 'resuming', 'delivering', 'done'],
            },
            note: { type: 'string' },
            waiting: {
              type: 'string',
              enum: [
                ...[
                  'stopped',
                  'after-seconds',
                  'thread-busy',
                  'max-concurrent-runs',
                  'start-unsettled',
                  'budget',
                  'replica-share',
                ],
                ...['rate-limited', 'circuit-open', 'unauthorised', 'vendor-fault', 'vendor-stuck'],
              ],
            },
          },
        },
      },
    });
  });

  test('a descriptor lists at least one interrupt of an agent that can be interrupted', async () => {
    expect(await read(interruptible)).toMatchObject({
      specs: {
        capabilities: { interrupts: true },
        interrupts: [{ interrupt_type: 'interrupt', interrupt_payload: {}, resume_payload: {} }],
      },
    });
    const described = { ...interruptible, schemas: { ...interruptible.schemas, interrupts: [approval] } };
    expect(await read(described)).toMatchObject({
      specs: {
        interrupts: [
          {
            interrupt_type: 'approval',
            interrupt_payload: { type: 'object' },
            resume_payload: { type: 'boolean' },
          },
        ],
      },
    });
  });

  test('a descriptor declares threads and the features of the gateway', async () => {
    expect(await read(agentOf({}), { callbacks: true })).toMatchObject({
      specs: { capabilities: { threads: true, callbacks: true } },
    });
  });

  test.skipIf(documentsAbsent !== null)(
    `a descriptor matches ACP 0.1 (${documentsAbsent ?? 'document present'})`,
    async () => {
      const judge = openDocument('acp-0.1.openapi.yaml');
      expect(judge('Agent', plain)).toEqual([]);
      for (const agent of [agentOf({}), interruptible]) {
        expect(judge('AgentACPDescriptor', await read(agent))).toEqual([]);
      }
      expect(judge('AgentACPDescriptor', { metadata: plain.metadata })).not.toEqual([]);
    },
  );
});
