import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import type { RunEvent } from '../../src/contract/domain/event.ts';
import { eventOf, runId, type ScriptedStream, until } from '../protocols/scripted-api.ts';
import { dechunk, openSite, type Site } from './app.ts';

const request = `GET /runs/${runId}/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
const phase = eventOf(1, { kind: 'phase', phase: 'queued' });
const terminal = eventOf(2, { kind: 'result', value: 'done' }, 'success');

type Take = (events: readonly RunEvent[], isEnd?: boolean) => readonly RunEvent[] | null;

/** A raw reader whose events are offered to it in the turn in which they come. */
async function openTapped(site: Site) {
  const opened = Promise.withResolvers<{ readonly feed: ScriptedStream; readonly take: Take }>();
  site.api.runs.script = (feed) => {
    Object.assign(feed, { tap: (take: Take) => opened.resolve({ feed, take }) });
  };
  const reader = await site.raw(request);
  const { feed, take } = await opened.promise;
  await until(() => feed.pulls > 0);
  return { reader, feed, take };
}

const idsOf = (text: string) => Array.from(dechunk(text).matchAll(/^id: (\d+)$/gm), ([, id]) => Number(id));

test('news is written to a waiting reader in the turn in which it comes, and the stream ends after the last event', async () => {
  await using site = await openSite();
  const { reader, feed, take } = await openTapped(site);
  expect(take([phase])).toBeNull();
  expect(take([terminal])).toBeNull();
  feed.give(null);
  expect(idsOf(await reader.ended)).toEqual([1, 2]);
  await feed.closed;
  expect(site.app.openStreams).toBe(0);
});

test('news has left the process when the turn in which it comes is over', async () => {
  await using site = await openSite();
  const sockets: Socket[] = [];
  const keep = (message: unknown): void => void sockets.push((message as { readonly socket: Socket }).socket);
  subscribe('net.server.socket', keep);
  const { reader, feed, take } = await openTapped(site).finally(() => unsubscribe('net.server.socket', keep));
  const [socket] = sockets;
  expect(take([phase, { ...phase, seq: 2 }])).toBeNull();
  expect([socket?.writableLength, socket?.writableCorked]).toEqual([0, 0]);
  feed.give(null);
  expect(idsOf(await reader.ended)).toEqual([1, 2]);
});

test('the last event ends its stream in the same turn', async () => {
  await using site = await openSite();
  const { reader, feed, take } = await openTapped(site);
  expect(take([phase, terminal], true)).toBeNull();
  await feed.closed;
  expect(idsOf(await reader.ended)).toEqual([1, 2]);
  expect(site.app.openStreams).toBe(0);
});

test('a last event that leaves its reader behind is waited for like any other', async () => {
  await using site = await openSite();
  const { reader, feed, take } = await openTapped(site);
  const partial = eventOf(1, { kind: 'partial', value: 'x'.repeat(40_000) });
  const last = eventOf(2, { kind: 'result', value: 'x'.repeat(40_000) }, 'success');
  expect(take([partial, last], true)).toEqual([]);
  expect(site.app.openStreams).toBe(1);
  feed.give(null);
  expect(idsOf(await reader.ended)).toEqual([1, 2]);
});

test('a large event is left to be handed over, with what follows it', async () => {
  await using site = await openSite();
  const { reader, feed, take } = await openTapped(site);
  const large = eventOf(2, { kind: 'partial', value: 'x'.repeat(300_000) });
  const last = { ...terminal, seq: 3 };
  const left = take([phase, large, last]);
  expect(left).toEqual([large, last]);
  feed.give(left ?? []).give(null);
  expect(idsOf(await reader.ended)).toEqual([1, 2, 3]);
});

test('an event that cannot be encoded does not disturb who publishes it, and ends its stream when it is handed over', async () => {
  await using site = await openSite();
  const { reader, feed, take } = await openTapped(site);
  const broken = { ...phase, change: { kind: 'bogus' } } as unknown as RunEvent;
  const left = take([broken]);
  expect(left).toEqual([broken]);
  feed.give(left ?? []);
  expect(dechunk(await reader.ended)).toBe('retry: 1000\n');
  expect(site.lines.filter(({ level }) => level === 'error')).toMatchObject([{ message: 'stream failed' }]);
});

test('a reader that falls behind leaves what it cannot take, and gets every event once when it reads again', async () => {
  await using site = await openSite();
  const { reader, feed, take } = await openTapped(site);
  reader.socket.pause();
  let seq = 0;
  let pulls = 0;
  // The system's own buffers are filled first: then what is left is not pulled any more.
  while (feed.pulls > pulls) {
    pulls = feed.pulls;
    const events = [seq + 1, seq + 2].map((at) => eventOf(at, { kind: 'partial', value: 'x'.repeat(40_000) }));
    seq += 2;
    const left = take(events);
    if (left === null) {
      pulls -= 1;
      continue;
    }
    feed.give(left);
    for (let round = 0; round < 20; round += 1) await (await site.fetch('/health/live')).text();
  }
  expect(seq).toBeGreaterThan(10);
  feed.give([{ ...terminal, seq: seq + 1 }]).give(null);
  reader.socket.resume();
  expect(idsOf(await reader.ended)).toEqual(Array.from({ length: seq + 1 }, (_, at) => at + 1));
});
