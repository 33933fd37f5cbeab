import { expect, test } from 'vitest';
import { documentsAbsent } from './acp-documents.ts';
import { parseEvents } from './event-lines.ts';
import { ProtocolDocument } from './protocol-document.ts';
import { openProtocols } from './protocol-sites.ts';
import { eventOf, runId, runOf } from './scripted-api.ts';

const messages = [{ role: 'ai', content: 'nine fifty' }];

const events = [
  eventOf(1, { kind: 'phase', phase: 'queued' }),
  eventOf(2, { kind: 'partial', value: { step: 1 } }),
  eventOf(3, { kind: 'result', value: { price: 9.5, messages } }, 'success'),
];

/** The stream of one run in each protocol, under its own prefix. */
async function readAll(): Promise<Readonly<Record<string, readonly (readonly [string, string, unknown])[]>>> {
  await using site = await openProtocols();
  site.api.runs.byId.set(
    runId,
    runOf({ request: { origin: { protocol: 'acp-v0.2', extra: { stream_mode: ['values', 'custom'] } } } }),
  );
  const prefixes = ['/acp/v0.1', '/acp/v0.2', '/agent-protocol'];
  const answers = prefixes.map(async (prefix) => {
    const text = await (await site.fetch(`${prefix}/runs/${runId}/stream`)).text();
    return [prefix, parseEvents(text).map(({ id, event, data }) => [id, event, JSON.parse(data)] as const)] as const;
  });
  // All of them read before the run says anything.
  while (site.app.openStreams < prefixes.length) await new Promise(setImmediate);
  for (const feed of site.api.runs.streams) feed.give(events).give(null);
  return Object.fromEntries(await Promise.all(answers));
}

test('one run is streamed in three protocols at once, in the words of each', async () => {
  const shown = { run_id: runId, status: 'pending' };
  const done = { run_id: runId, status: 'success' };
  const result = { price: 9.5, messages };
  expect(await readAll()).toEqual({
    '/acp/v0.1': [
      ['1', 'agent_event', { type: 'custom', ...shown, update: { phase: 'queued' } }],
      ['2', 'agent_event', { type: 'result', ...shown, result: { step: 1 } }],
      ['3', 'agent_event', { type: 'result', ...done, result }],
    ],
    '/acp/v0.2': [
      ['1', 'agent_event', { type: 'custom', ...shown, update: { phase: 'queued' } }],
      ['2', 'agent_event', { type: 'values', ...shown, values: { step: 1 } }],
      ['3', 'agent_event', { type: 'values', ...done, values: result, messages }],
    ],
    '/agent-protocol': [
      ['1', 'custom', { ...shown, update: { phase: 'queued' } }],
      ['2', 'values', { step: 1 }],
      ['3', 'values', result],
    ],
  });
});

test.skipIf(documentsAbsent !== null)(
  `its events are what both documents of ACP say (${documentsAbsent ?? 'present'})`,
  async () => {
    const streams = await readAll();
    for (const [prefix, file] of [
      ['/acp/v0.1', 'acp-0.1.openapi.yaml'],
      ['/acp/v0.2', 'acp-0.2.3.openapi.json'],
    ] as const) {
      const document = ProtocolDocument.read(file);
      for (const [id, event, data] of streams[prefix] ?? []) {
        expect(document.judge('RunOutputStream', { id, event, data })).toEqual([]);
      }
      expect(document.judge('RunOutputStream', { id: '1', event: 'agent_event', data: { type: 'other' } })).not.toEqual(
        [],
      );
    }
  },
);
