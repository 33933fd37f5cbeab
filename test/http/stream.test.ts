import { describe, expect, test } from 'vitest';
import type { Protocol } from '../../src/contract/api/protocol.ts';
import type { RunEvent } from '../../src/contract/domain/event.ts';
import { operation } from '../../src/protocols/shared/operation.ts';
import { noBody, nothing } from '../../src/protocols/shared/requests.ts';
import { documentsAbsent, openDocument } from '../protocols/acp-documents.ts';
import { eventOf, runId, type ScriptedStream, until } from '../protocols/scripted-api.ts';
import { dechunk, openSite, type Site } from './app.ts';

const request = `GET /runs/${runId}/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;

const history: readonly RunEvent[] = [
  eventOf(1, { kind: 'phase', phase: 'queued' }),
  eventOf(2, { kind: 'phase', phase: 'starting', note: 'second try' }),
  eventOf(3, { kind: 'partial', value: { pages: 1 } }),
  eventOf(4, { kind: 'interrupt', payload: { ask: 'sure?\nreally?' } }, 'interrupted'),
];
const terminal = eventOf(5, { kind: 'result', value: ['ä'] }, 'success');

const frames = [
  `id: 1\nevent: agent_event\ndata: {"type":"custom","run_id":"${runId}","status":"pending","update":{"phase":"queued"}}\n\n`,
  `id: 2\nevent: agent_event\ndata: {"type":"custom","run_id":"${runId}","status":"pending","update":{"phase":"starting","note":"second try"}}\n\n`,
  `id: 3\nevent: agent_event\ndata: {"type":"result","run_id":"${runId}","status":"pending","result":{"pages":1}}\n\n`,
  `id: 4\nevent: agent_event\ndata: {"type":"interrupt","run_id":"${runId}","status":"interrupted","interrupt":{"ask":"sure?\\nreally?"}}\n\n`,
  `id: 5\nevent: agent_event\ndata: {"type":"result","run_id":"${runId}","status":"success","result":["ä"]}\n\n`,
];

async function openFeed(site: Site): Promise<ScriptedStream> {
  await until(() => site.api.runs.streams.length > 0);
  const feed = site.api.runs.streams.at(-1);
  if (feed === undefined) throw new Error('no feed was made');
  return feed;
}

/** Gives the server as many turns as `rounds` requests take. */
async function goRound(site: Site, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) await (await site.fetch('/health/live')).text();
}

describe('a stream', () => {
  test('a stream sends its head at once and each event as it comes, stays open over an interrupt and ends after the last event', async () => {
    const counted: string[] = [];
    await using site = await openSite({ metrics: { count: (name) => void counted.push(name), observe: () => {} } });
    await site.fetch(`/runs/${runId}/stream`, { method: 'HEAD' });
    const reader = await site.raw(request);
    const head = reader.text().slice(0, reader.text().indexOf('\r\n\r\n'));
    expect(head.split('\r\n')).toEqual(
      expect.arrayContaining([
        'HTTP/1.1 200 OK',
        'Content-Type: text/event-stream',
        'Cache-Control: no-cache, no-transform',
        'X-Accel-Buffering: no',
        `Content-Location: /runs/${runId}`,
      ]),
    );
    expect(site.app.openStreams).toBe(1);
    expect(counted).toEqual(['streams_opened']);
    const feed = await openFeed(site);
    feed.give(history);
    await until(() => dechunk(reader.text()) === frames.slice(0, 4).join(''));
    feed.give([terminal]).give(null);
    expect(dechunk(await reader.ended)).toBe(frames.join(''));
    expect(site.app.openStreams).toBe(0);
  });

  test('a stream ends with the error of a run that failed', async () => {
    await using site = await openSite();
    site.api.runs.script = (feed) =>
      feed.give([eventOf(6, { kind: 'error', errcode: 1001, description: 'too late' }, 'timeout')]).give(null);
    const answer = await (await site.raw(request)).ended;
    const data = `{"type":"error","run_id":"${runId}","status":"timeout","errcode":1001,"description":"too late"}`;
    expect(dechunk(answer)).toBe(`id: 6\nevent: agent_event\ndata: ${data}\n\n`);
  });

  test.each([
    ['0', 0],
    ['7', 7],
    ['', 0],
  ])('a stream continues after Last-Event-ID "%s"', async (id, afterSeq) => {
    await using site = await openSite();
    site.api.runs.script = (feed) => feed.give(null);
    await (await site.fetch(`/runs/${runId}/stream`, { headers: { 'last-event-id': id } })).text();
    expect(site.api.runs.streams.map((feed) => feed.afterSeq)).toEqual([afterSeq]);
  });

  test('a silent stream sends heartbeats, each a comment line with one newline', async () => {
    await using site = await openSite({ heartbeatMs: 5 });
    const reader = await site.raw(request);
    await until(() => dechunk(reader.text()).length >= 6);
    (await openFeed(site)).give([terminal]).give(null);
    expect(dechunk(await reader.ended).replace(/^(:\n){3,}/, '')).toBe(frames[4]);
  });

  test('a stream whose reader has left is closed and costs nothing more', async () => {
    await using site = await openSite();
    const reader = await site.raw(request);
    const feed = await openFeed(site);
    reader.socket.destroy();
    await feed.closed;
    await until(() => site.app.openStreams === 0);
  });

  test('a stream answers HEAD without a body and keeps no events open', async () => {
    await using site = await openSite();
    const answer = await site.fetch(`/runs/${runId}/stream`, { method: 'HEAD' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    await (await openFeed(site)).closed;
    expect(site.app.openStreams).toBe(0);
  });

  test('a stream pulls no more events than its reader reads', async () => {
    await using site = await openSite();
    const [events, characters] = [120, 500_000];
    site.api.runs.script = (feed) => {
      for (let seq = 1; seq <= events; seq++) {
        feed.give([eventOf(seq, { kind: 'partial', value: 'x'.repeat(characters) })]);
      }
      feed.give(null);
    };
    const reader = await site.raw(request);
    reader.socket.pause();
    const feed = await openFeed(site);
    // The system's own buffers take some events, and grow for a while on a busy machine.
    let pulled = -1;
    while (pulled !== feed.pulls) {
      pulled = feed.pulls;
      await goRound(site, 40);
    }
    // Most of the events must not have been asked for.
    expect(pulled).toBeGreaterThan(0);
    expect(pulled).toBeLessThan(events / 2);
    reader.socket.resume();
    const ids = dechunk(await reader.ended).matchAll(/^id: (\d+)$/gm);
    expect(Array.from(ids, ([, id]) => Number(id))).toEqual(Array.from({ length: events }, (_, index) => index + 1));
  });

  test('a stream whose reader reads nothing ends when the reader leaves', async () => {
    await using site = await openSite({ heartbeatMs: 5 });
    site.api.runs.script = (feed) => feed.give([eventOf(1, { kind: 'partial', value: 'x'.repeat(50_000_000) })]);
    const reader = await site.raw(request);
    reader.socket.pause();
    const feed = await openFeed(site);
    await goRound(site, 20);
    expect(feed.pulls).toBe(1);
    reader.socket.destroy();
    await feed.closed;
    await until(() => site.app.openStreams === 0);
  });
});

describe('a drain', () => {
  test('a drain ends streams and says when to reconnect', async () => {
    await using site = await openSite();
    const reader = await site.raw(request);
    const feed = await openFeed(site);
    feed.give([history[0] ?? terminal]);
    await until(() => dechunk(reader.text()) === frames[0]);
    site.app.drain(1500);
    expect(dechunk(await reader.ended)).toBe(`${frames[0]}retry: 1500\n`);
    await feed.closed;
    expect(site.app.openStreams).toBe(0);
  });

  test('a stream that is opened during a drain ends at once', async () => {
    await using site = await openSite();
    site.app.drain(1500);
    const answer = await (await site.raw(request)).ended;
    expect(dechunk(answer)).toBe('retry: 1500\n');
    await (await openFeed(site)).closed;
  });
});

test('a stream whose events fail is logged, and its reader is asked to reconnect', async () => {
  await using site = await openSite();
  site.api.runs.script = (feed) => feed.give([terminal]).give(new Error('the store is at /secret/path'));
  const answer = await (await site.raw(request)).ended;
  expect(dechunk(answer)).toBe(`${frames[4]}retry: 1000\n`);
  expect(site.lines.filter(({ level }) => level === 'error')).toMatchObject([
    { message: 'stream failed', fields: { run_id: runId } },
  ]);
  await (await openFeed(site)).closed;
});

test('an event is encoded once for all readers, and left out where the protocol has no word for it', async () => {
  const encoded: number[] = [];
  const encode = ({ seq }: RunEvent) => {
    encoded.push(seq);
    return seq === 2 ? null : { seq };
  };
  const counting: Protocol = {
    name: 'counting',
    prefix: '',
    operations: [
      operation({
        id: 'watch',
        method: 'GET',
        path: '/watch',
        summary: '',
        params: nothing,
        query: nothing,
        body: noBody,
        answers: {},
        handle: async (api) => {
          const events = await api.runs.watch({ tenant: 'default', runId }, 0);
          return { kind: 'stream', events, runId, encode };
        },
      }),
    ],
    about: { title: '', version: '', description: '', error: nothing, schemas: {} },
    encodeRun: () => ({}),
    encodeError: (error) => error.message,
  };
  await using site = await openSite({ mounts: [{ protocol: counting, prefix: '' }] });
  site.api.runs.script = (feed) => feed.give(history.slice(0, 3)).give(null);
  const readers = Array.from({ length: 20 }, async () => await (await site.fetch('/watch')).text());
  const text = 'id: 1\nevent: agent_event\ndata: {"seq":1}\n\nid: 3\nevent: agent_event\ndata: {"seq":3}\n\n';
  expect(new Set(await Promise.all(readers))).toEqual(new Set([text]));
  expect(encoded).toEqual([1, 2, 3]);
});

test.skipIf(documentsAbsent !== null)(`events are what ACP 0.1 says (${documentsAbsent ?? 'present'})`, () => {
  const judge = openDocument('acp-0.1.openapi.yaml');
  for (const frame of frames.filter((text) => !text.includes('"interrupt"'))) {
    const [id, event, data] = frame.split('\n').map((line) => line.slice(line.indexOf(' ') + 1));
    // `OutputSchema` is an object; results of another kind go through all the same (issue 2).
    const payload = JSON.parse((data ?? '').replace('["ä"]', '{}'));
    expect(judge('RunOutputStream', { id, event, data: payload })).toEqual([]);
  }
});
