import { expect, test } from 'vitest';
import type { RunEvent, ThreadEvent } from '../../src/contract/domain/event.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import * as acpV01 from '../../src/protocols/acp-v01/encode.ts';
import * as acpV02 from '../../src/protocols/acp-v02/encode.ts';
import * as agentProtocol from '../../src/protocols/agent-protocol/encode.ts';
import { encodeThreadEvent } from '../../src/protocols/shared/thread-stream/streaming-events.ts';
import { makeRun } from '../store/runs.ts';

const runId = '0190c3a8-0000-7000-8000-000000000001';
const event: RunEvent = { runId, seq: 7, atMs: 0, status: 'pending', change: { kind: 'replaced' } };
const update = { phase: 'running', note: 'a later partial output has replaced this one' };

function asking(...modes: readonly string[]): Run {
  return makeRun({ request: { origin: { protocol: null, extra: { stream_mode: [...modes] } } } });
}

const custom = { type: 'custom', run_id: runId, status: 'pending', update };
const flat = { run_id: runId, status: 'pending', update };

test.each([
  ['ACP 0.1', acpV01.encodeEvent, custom],
  ['ACP 0.2 with all modes', acpV02.encodingFor(makeRun()).encode, custom],
  ['ACP 0.2 with updates only', acpV02.encodingFor(asking('custom')).encode, custom],
  ['ACP 0.2 with values only', acpV02.encodingFor(asking('values')).encode, null],
  ['the Agent Protocol with values and updates', agentProtocol.encodingFor(asking('values', 'custom')).encode, flat],
  ['the Agent Protocol with values', agentProtocol.encodingFor(asking('values')).encode, null],
  ['the Agent Protocol with messages', agentProtocol.encodingFor(asking('messages')).encode, null],
])('a partial output that was replaced is an update without its value in %s', (_, encode, expected) => {
  expect(encode(event)).toEqual(expected);
});

test('the stream of an Agent Protocol thread, whose numbers have gaps, leaves replaced partial outputs out', () => {
  const inThread: ThreadEvent = { ...event, threadSeq: 9 };
  expect(encodeThreadEvent(inThread, { channels: ['values', 'custom', 'lifecycle', 'messages', 'input'] })).toEqual([]);
});
