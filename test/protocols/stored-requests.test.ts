import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { decodeRun, encodeState } from '../../src/store/run-rows.ts';
import { createProtocols } from './protocol-sites.ts';
import { runOf } from './scripted-api.ts';

const webhook = 'https://hooks.test/r';

/** A run as it is read from a row with this request. */
function readRow(request: string) {
  const run = runOf({ request: {} });
  return decodeRun({
    run_id: run.runId,
    tenant: run.tenant,
    agent_id: run.agentId,
    agent_name: run.agentName,
    thread_id: run.threadId,
    phase: run.phase,
    status: run.status,
    owner: run.owner,
    version: run.version,
    created_at_ms: run.createdAtMs,
    updated_at_ms: run.updatedAtMs,
    state: encodeState(run),
    request,
  });
}

const echo = { stream_mode: ['values', 'custom'], on_disconnect: 'continue', config: { tags: ['nightly'] } };

test.each([
  ['ACP 0.1', { webhook, dialect: 'acp-v0.1', streamModes: ['custom'] }, 'acp-v0.1', { stream_mode: 'custom' }],
  ['ACP 0.2', { webhook, dialect: 'acp-v0.2', streamModes: ['values', 'custom'], echo }, 'acp-v0.2', echo],
  [
    'the Agent Protocol',
    { webhook, protocol: 'agent-protocol', echo: { if_not_exists: 'create' } },
    'agent-protocol',
    { if_not_exists: 'create' },
  ],
  ['a protocol without a webhook', { input: 1, streamModes: ['values'] }, null, { stream_mode: 'values' }],
] as const)('a request of %s that version 0.1 wrote is read with its origin', (_, stored, protocol, extra) => {
  const { dialect: _dialect, protocol: _protocol, streamModes: _modes, echo: _echo, ...rest } = stored as JsonObject;
  expect(readRow(JSON.stringify(stored)).request).toEqual({ ...rest, origin: { protocol, extra } });
});

test('a request without members for protocols is read as it was written', () => {
  const request = { input: { echo: 1 }, metadata: { dialect: 'x' }, afterMs: 1000 };
  expect(readRow(JSON.stringify(request)).request).toStrictEqual(request);
});

test('a run that version 0.1 wrote looks the same in every protocol as one that is written today', () => {
  const before = readRow(
    JSON.stringify({ input: 1, webhook, dialect: 'acp-v0.2', streamModes: ['values', 'custom'], echo }),
  );
  const today = readRow(JSON.stringify({ input: 1, webhook, origin: { protocol: 'acp-v0.2', extra: echo } }));
  const shapes = createProtocols().map(({ encodeRun }) => [encodeRun(before), encodeRun(today)] as const);
  expect(shapes.length).toBeGreaterThanOrEqual(6);
  for (const [old, current] of shapes) expect(old).toEqual(current);
  expect(JSON.stringify(shapes.map(([old]) => old))).toContain('"stream_mode":["values","custom"]');
});
