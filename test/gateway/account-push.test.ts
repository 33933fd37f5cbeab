import { once } from 'node:events';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { answer, startVendor } from '../upstream/vendor-server.ts';
import { openSite } from './site.ts';

const webhookSecret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

test('a call for the account has the run polled that it names, where the signature is right', async () => {
  const vendor = await startVendor();
  let status = 'in_progress';
  let polls = 0;
  const polled = new EventTarget();
  vendor.reply = (response, received) => {
    if (received.method === 'GET') {
      polls += 1;
      polled.dispatchEvent(new Event('poll'));
    }
    answer(200, { id: 'resp_1', status, output: [] })(response, received);
  };
  await using site = await openSite({
    // The run is not polled before a call comes.
    sections: { pacing: { floorMs: 60_000, watchedCeilingMs: 60_000, ceilingMs: 60_000 } },
    backends: {
      openai: { adapter: 'openai-responses', baseUrl: vendor.url, apiKey: 'hush-hush-key', webhookSecret },
      shared: { adapter: 'openai-responses', baseUrl: vendor.url, apiKey: 'hush-hush-key-2' },
    },
    agents: [{ name: 'writer', backend: 'openai', target: { model: 'gpt-5' } }],
  });
  const { run_id: runId } = await site.client.create({ agent_id: 'writer', input: { input: 'Hi' } });

  const call = async (backend: string, id: string, signer = webhookSecret): Promise<number> => {
    const body = JSON.stringify({ type: 'response.completed', data: { id } });
    const at = new Date();
    const headers = {
      'webhook-id': 'wh-1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(signer).sign('wh-1', at, body),
    };
    const reply = await fetch(`${site.client.url}/push/${backend}`, { method: 'POST', body, headers });
    await reply.arrayBuffer();
    return reply.status;
  };

  // The start's own answer is a look; the run is known by its id from then on.
  await expect.poll(async () => (await site.client.read(runId)).status).toBe('pending');
  const other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  expect(await call('openai', 'resp_1', other)).toBe(404);
  expect(await call('shared', 'resp_1')).toBe(404);
  expect(await call('nowhere', 'resp_1')).toBe(404);
  expect(await call('openai', 'resp_2')).toBe(204);
  const before = polls;
  const next = once(polled, 'poll');
  status = 'completed';
  expect(await call('openai', 'resp_1')).toBe(204);
  await next;
  expect(polls).toBe(before + 1);
  expect(await site.client.output(runId)).toMatchObject({ status: 'success' });
  await vendor.stop();
});
