import { join } from 'node:path';
import { adapters } from '../../../adapters/index.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { startGateway } from '../../../src/gateway.ts';
import { createLog } from '../../../src/observability/log.ts';
import { startSandbox } from '../../../src/sandbox/sandbox.ts';

/** What the page asks of a person stands in the question in the words that it knows: the action, and what may be decided. */
const interrupt = `{
  'interrupt_type': 'approval',
  'action_requests': [{
    'name': 'place_order', 'args': { 'what': output.interrupt.question }, 'description': 'The agent asks before it buys.'
  }],
  'review_configs': [{ 'action_name': 'place_order', 'allowed_decisions': ['approve', 'reject'] }]
}`;

/** The sandbox's agents for a page of the origin: one that talks, one that takes its time, one that asks. */
export async function serveAgents(origin: string, scratch: string) {
  const sandbox = await startSandbox();
  const message = { type: 'object', required: ['message'], properties: { message: { type: 'string' } } } as const;
  const config = {
    server: { host: '127.0.0.1', port: 0, cors: { origins: [origin] } },
    store: { url: `sqlite:${join(scratch, 'rungate.db')}` },
    pacing: { floorMs: 50, watchedCeilingMs: 200, ceilingMs: 1000 },
    backends: { restack: { adapter: 'restack', baseUrl: sandbox.restackUrl } },
    agents: [
      { name: 'chat', target: { agent: 'ChatAgent', mode: 'thread' }, schemas: { input: message } },
      {
        name: 'slow',
        target: { agent: 'CustomerSupportAgent' },
        schemas: { input: message },
        chat: { input: "{ 'message': text, 'ms': 6000 }" },
      },
      {
        name: 'approval',
        target: { agent: 'ApprovalAgent' },
        schemas: {
          input: { type: 'object', required: ['question'], properties: { question: { type: 'string' } } },
          interrupts: [{ interrupt_type: 'approval', interrupt_payload: { type: 'object' }, resume_payload: {} }],
        },
        chat: { reply: "approved ? 'The order is placed.' : 'Nothing is bought.'" },
        mapping: {
          interrupt: `output.interrupt ? ${interrupt}`,
          resume: "{ 'eventName': 'approval', 'eventInput': { 'approved': payload.decisions[0].type = 'approve' } }",
        },
      },
    ].map((agent) => ({ backend: 'restack', timeoutSeconds: 600, ...agent })),
  };
  const parsed = await parseConfig(JSON.stringify(config), {
    file: join(scratch, 'rungate.yaml'),
    env: {},
    registry: adapters,
  });
  const log = createLog({ level: 'error', secrets: parsed.secrets, destination: process.stderr });
  const gateway = await startGateway(parsed, log);
  return {
    url: gateway.url,
    stop: async () => {
      await gateway.stop();
      await sandbox.close();
    },
  };
}
