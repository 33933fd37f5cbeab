import { expect, test } from 'vitest';
import { z } from 'zod';
import { openOverSandbox, sampleInMemory } from '../gateway/over-sandbox.ts';
import { documentsAbsent } from './acp-documents.ts';
import { parseEvents } from './event-lines.ts';
import { ProtocolDocument } from './protocol-document.ts';

const json = { 'content-type': 'application/json' };

const created = z.object({ run_id: z.string() });
const sentEvents = z.object({
  type: z.enum(['custom', 'result', 'values']),
  status: z.string(),
  update: z.unknown().optional(),
  result: z.unknown().optional(),
  values: z.unknown().optional(),
});

test('a run of a vendor is shown by three protocols at once, the same in different words', async () => {
  await using gateway = await openOverSandbox(sampleInMemory);
  const body = JSON.stringify({
    agent_id: 'scrape',
    input: { url: 'https://shop.test/1', seconds: 0.5 },
    stream_mode: ['values', 'custom'],
  });
  const answer = await fetch(`${gateway.url}/acp/v0.2/runs`, { method: 'POST', headers: json, body });
  const { run_id: runId } = created.parse(await answer.json());
  const read = async (prefix: string) =>
    parseEvents(await (await fetch(`${gateway.url}${prefix}/runs/${runId}/stream`)).text());
  const [old, acp, protocol] = await Promise.all([read('/acp/v0.1'), read('/acp/v0.2'), read('/agent-protocol')]);
  expect(acp.length).toBeGreaterThanOrEqual(3);
  const sequence = acp.map(({ id }) => id);
  expect([old.map(({ id }) => id), protocol.map(({ id }) => id)]).toEqual([sequence, sequence]);
  const first = old.map(({ data }) => sentEvents.parse(JSON.parse(data)));
  const second = acp.map(({ data }) => sentEvents.parse(JSON.parse(data)));
  const third = protocol.map(({ event, data }) => [event, JSON.parse(data)]);
  expect(second).toEqual(
    first.map(({ type, result, ...rest }) =>
      type === 'result' ? { type: 'values', ...rest, values: result } : { type, ...rest },
    ),
  );
  expect(third).toEqual(
    second.map(({ type, status, values, update }) =>
      type === 'values' ? ['values', values] : ['custom', { run_id: runId, status, update }],
    ),
  );
  expect(first.at(-1)).toMatchObject({ type: 'result', status: 'success', result: { count: 3 } });
});

test.skipIf(documentsAbsent !== null)(
  `a thread made in one protocol is read in the others (${documentsAbsent ?? 'documents present'})`,
  async () => {
    await using gateway = await openOverSandbox(sampleInMemory);
    const send = async (method: string, path: string, sent?: object): Promise<unknown> => {
      const init = sent === undefined ? {} : { headers: json, body: JSON.stringify(sent) };
      const answer = await fetch(`${gateway.url}${path}`, { method, ...init });
      expect([path, answer.status]).toEqual([path, 200]);
      return await answer.json();
    };
    const { thread_id: id } = z
      .looseObject({ thread_id: z.string() })
      .parse(await send('POST', '/acp/v0.2/threads', {}));
    const input = { price: 9.5, messages: [{ role: 'user', content: 'how much?' }] };
    const waited = await send('POST', `/acp/v0.2/threads/${id}/runs/wait`, { agent_id: 'echo', input });
    const acp = ProtocolDocument.read('acp-0.2.3.openapi.json');
    const old = ProtocolDocument.read('acp-0.1.openapi.yaml');
    const protocol = ProtocolDocument.read('agent-protocol-0.1.6.openapi.json');
    expect(acp.judge('RunWaitResponseStateful', waited)).toEqual([]);
    expect(waited).toMatchObject({ output: { type: 'result', values: input, messages: input.messages } });
    for (const [document, prefix] of [
      [acp, '/acp/v0.2'],
      [protocol, '/agent-protocol'],
    ] as const) {
      const thread = await send('GET', `${prefix}/threads/${id}`);
      expect([document.judge('Thread', thread), thread]).toMatchObject([
        [],
        { status: 'idle', values: { price: 9.5 }, messages: input.messages },
      ]);
      const history = z.array(z.unknown()).parse(await send('GET', `${prefix}/threads/${id}/history`));
      expect(history.map((state) => document.judge('ThreadState', state))).toEqual([[]]);
    }
    expect(await send('GET', `/acp/v0.1/threads/${id}/state`)).toEqual(input);
    const [run] = z.array(z.looseObject({ run_id: z.string() })).parse(await send('GET', `/threads/${id}/history`));
    expect(old.judge('Run', run)).toEqual([]);
    expect(await send('GET', `/runs/${run?.run_id}/threadstate`)).toEqual(input);
    // Merged by the one protocol, replaced by the other.
    await send('PATCH', `/agent-protocol/threads/${id}`, { values: { more: 1 } });
    expect(await send('GET', `/threads/${id}/state`)).toEqual({ ...input, more: 1 });
    await send('PATCH', `/acp/v0.2/threads/${id}`, { values: { other: 2 } });
    expect(await send('GET', `/threads/${id}/state`)).toEqual({ other: 2 });
  },
);
