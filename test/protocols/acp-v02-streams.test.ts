import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/contract/domain/event.ts';
import { parseEvents } from './event-lines.ts';
import { openProtocols } from './protocol-sites.ts';
import { eventOf, runId, runOf, type ScriptedStream, until } from './scripted-api.ts';

const base = '/acp/v0.2';

const queued = eventOf(1, { kind: 'phase', phase: 'queued', note: 'waits' });
const partial = eventOf(2, { kind: 'partial', value: { messages: [{ role: 'ai', content: 'so far' }] } });
const interrupt = eventOf(3, { kind: 'interrupt', payload: { ask: 1 } }, 'interrupted');
const resumed = eventOf(4, { kind: 'phase', phase: 'resuming' });
const result = eventOf(5, { kind: 'result', value: 7 }, 'success');
const failure = eventOf(5, { kind: 'error', errcode: 1001, description: 'late' }, 'timeout');

const shown = {
  queued: { type: 'custom', run_id: runId, status: 'pending', update: { phase: 'queued', note: 'waits' } },
  partial: {
    type: 'values',
    run_id: runId,
    status: 'pending',
    values: { messages: [{ role: 'ai', content: 'so far' }] },
    messages: [{ role: 'ai', content: 'so far' }],
  },
  interrupt: { type: 'interrupt', run_id: runId, status: 'interrupted', interrupt: { ask: 1 } },
  resumed: { type: 'custom', run_id: runId, status: 'pending', update: { phase: 'resuming' } },
  result: { type: 'values', run_id: runId, status: 'success', values: 7 },
  failure: { type: 'error', run_id: runId, status: 'timeout', errcode: 1001, description: 'late' },
};

function give(events: readonly RunEvent[]): (feed: ScriptedStream) => void {
  return (feed) => {
    feed.give(events.filter(({ seq }) => seq > feed.afterSeq)).give(null);
  };
}

async function read(answer: Response): Promise<readonly unknown[]> {
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  return parseEvents(await answer.text()).map(({ event, data }) => {
    expect(event).toBe('agent_event');
    return JSON.parse(data);
  });
}

test.each<[mode: unknown, seen: readonly unknown[]]>([
  [undefined, [shown.queued, shown.partial, shown.failure]],
  [null, [shown.queued, shown.partial, shown.failure]],
  ['values', [shown.partial, shown.failure]],
  [['custom'], [shown.queued, shown.failure]],
  [
    ['values', 'custom'],
    [shown.queued, shown.partial, shown.failure],
  ],
])('a stream with stream_mode %j has the events of its modes, and errors', async (mode, seen) => {
  await using site = await openProtocols();
  site.api.runs.script = give([queued, partial, failure]);
  const created = await site.post(`${base}/runs/stream`, { stream_mode: mode });
  expect(created.headers.get('content-location')).toBe(`${base}/runs/${runId}`);
  expect(await read(created)).toEqual(seen);
  expect(await read(await site.fetch(`${base}/runs/${runId}/stream`))).toEqual(seen);
});

describe('interrupts in streams of ACP 0.2', () => {
  test('an interrupt that waits for an answer ends the stream and leaves the run interrupted', async () => {
    await using site = await openProtocols();
    site.api.runs.script = (feed) => feed.give([queued, interrupt, resumed]);
    expect(await read(await site.post(`${base}/runs/stream`, {}))).toEqual([shown.queued, shown.interrupt]);
    await site.api.runs.streams[0]?.closed;
    expect(site.api.runs.cancelled).toEqual([]);
  });

  test('an interrupt that was answered before the reader came does not end the stream', async () => {
    await using site = await openProtocols();
    site.api.runs.byId.set(runId, runOf({ lastSeq: 4 }));
    site.api.runs.script = give([queued, interrupt, resumed, result]);
    const seen = await read(await site.fetch(`${base}/runs/${runId}/stream`));
    expect(seen).toEqual([shown.queued, shown.interrupt, shown.resumed, shown.result]);
  });

  test('an interrupt that the reader has seen is not sent again', async () => {
    await using site = await openProtocols();
    site.api.runs.byId.set(runId, runOf({ lastSeq: 3, status: 'interrupted' }));
    site.api.runs.script = give([queued, interrupt, resumed, result]);
    const answer = await site.fetch(`${base}/runs/${runId}/stream`, { headers: { 'last-event-id': '3' } });
    expect(await read(answer)).toEqual([shown.resumed, shown.result]);
  });
});

describe('clients that leave a stream of ACP 0.2', () => {
  const leave = async (path: string, init: RequestInit) => {
    await using site = await openProtocols();
    site.api.runs.script = (feed) => feed.give([queued]);
    const leaving = new AbortController();
    const headers = { 'content-type': 'application/json' };
    const answer = await site.fetch(path, { ...init, headers, signal: leaving.signal });
    leaving.abort();
    await expect(answer.text()).rejects.toThrow('aborted');
    await until(() => site.app.openStreams === 0);
    return site.api.runs.cancelled;
  };
  const post = (body: object): RequestInit => ({ method: 'POST', body: JSON.stringify(body) });

  test('a client that leaves cancels the run that it created', async () => {
    const cancelled = [{ tenant: 'default', runId, action: 'interrupt', wait: false }];
    expect(await leave(`${base}/runs/stream`, post({}))).toEqual(cancelled);
    expect(await leave(`${base}/runs/stream`, post({ on_disconnect: 'cancel' }))).toEqual(cancelled);
  });

  test('a client that leaves keeps its run with on_disconnect: continue, or if it only joined', async () => {
    expect(await leave(`${base}/runs/stream`, post({ on_disconnect: 'continue' }))).toEqual([]);
    expect(await leave(`${base}/runs/${runId}/stream`, {})).toEqual([]);
  });

  test('neither reading to the end nor a drain counts as leaving', async () => {
    await using site = await openProtocols();
    site.api.runs.script = give([queued, result]);
    await (await site.post(`${base}/runs/stream`, {})).text();
    site.api.runs.script = (feed) => feed.give([queued]);
    const drained = await site.post(`${base}/runs/stream`, {});
    site.app.drain(1000);
    expect(await drained.text()).toContain('retry: 1000');
    await until(() => site.app.openStreams === 0);
    expect(site.api.runs.cancelled).toEqual([]);
  });

  test('a failure to cancel the run of a client that left is logged', async () => {
    await using site = await openProtocols();
    site.api.runs.script = (feed) => feed.give([queued]);
    const leaving = new AbortController();
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', body: '{}', headers, signal: leaving.signal };
    const answer = await site.fetch(`${base}/runs/stream`, init);
    site.api.runs.failure = new Error('no store');
    leaving.abort();
    await expect(answer.text()).rejects.toThrow('aborted');
    await until(() => site.lines.some(({ level }) => level === 'error'));
    expect(site.lines).toMatchObject([{ level: 'error', fields: { run_id: runId, err: { message: 'no store' } } }]);
  });
});
