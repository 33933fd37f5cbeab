import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Site } from '../site.ts';

const bigBytes = 9 * 1024 * 1024;
const lazyReaders = 60;
const manyRuns = 20;
const readersOfEach = 3;
const pipelined = 20;

/** A6: readers of a 9 MiB output that do not read, on every way to it; one that does read gets the whole. */
export async function readNothing(site: Site): Promise<void> {
  const id = await site.create('big', { n: 'big' });
  if (id === null) return;
  const outcome = await site.outcome(id, { withinMs: 40_000 });
  if (outcome === null) return;
  const whole = outcome.length;
  if (whole < bigBytes) site.fault(`the whole output has ${whole} bytes`);
  const readers = site.isShort ? 8 : lazyReaders;
  const waysTo = [
    `/runs/${id}/output`,
    `/runs/${id}/stream`,
    `/acp/v0.2/runs/${id}/wait`,
    `/agent-protocol/runs/${id}/wait`,
  ];
  const sockets = Array.from({ length: readers }, (_, n) => openLazy(site, [waysTo[n % waysTo.length] ?? '']));
  // Further requests on one connection, whose answers wait for one that is not read.
  sockets.push(
    openLazy(
      site,
      Array.from({ length: site.isShort ? 3 : pipelined }, () => waysTo[0] ?? ''),
    ),
  );
  try {
    let lastEvent = await readWhole(site, id, whole);
    while (performance.now() < site.untilMs) {
      await delay(500);
      lastEvent = await readWhole(site, id, whole);
      if (site.isShort) break;
    }
    await readTheEnd(site, id, lastEvent);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** A6: the same of many runs, each with an output of its own, whose answers come at the same time. */
export async function readNothingOfMany(site: Site): Promise<void> {
  const created = await Promise.all(
    Array.from({ length: site.isShort ? 3 : manyRuns }, (_, n) => site.create('big', { n: `big-${n}` })),
  );
  const ids = created.filter((id) => id !== null);
  await Promise.all(ids.map((id) => awaitEnd(site, id)));
  const sockets = ids.flatMap((id) =>
    Array.from({ length: readersOfEach }, () => openLazy(site, [`/runs/${id}/stream`])),
  );
  try {
    for (const id of ids) {
      const { status, bytes } = await site.front.measure(
        `/runs/${id}/output`,
        site.key('mallory'),
        AbortSignal.timeout(30_000),
      );
      site.count();
      if (status === 200 && bytes < bigBytes) site.fault(`an output of ${bytes} bytes`);
      if (status !== 200 && status !== 429 && status !== 503) site.fault(`an output was answered ${status}`);
      if (performance.now() > site.untilMs) break;
    }
    await delay(Math.max(0, Math.min(2000, site.untilMs - performance.now())));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** Without reading what the run has given. */
async function awaitEnd(site: Site, id: string): Promise<void> {
  for (const untilMs = performance.now() + 40_000; performance.now() < untilMs; ) {
    const answer = await site.call('GET', `/runs/${id}`);
    if (answer === null || /"status":"success"/.test(answer.text)) return;
    await delay(200);
  }
  site.fault('a run with a large output did not end within 40 s');
}

function openLazy(site: Site, paths: readonly string[]): Socket {
  const { port } = new URL(site.url);
  const socket = connect(Number(port), '127.0.0.1', () => {
    socket.pause();
    for (const path of paths) {
      site.count();
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${site.key('mallory')}\r\n\r\n`,
      );
    }
  });
  socket.on('error', () => {});
  return socket;
}

/** The last event's id; the output and the stream are whole for a reader that reads, or it is refused in words. */
async function readWhole(site: Site, id: string, whole: number): Promise<string> {
  const key = site.key('mallory');
  const signal = AbortSignal.timeout(20_000);
  site.count();
  const output = await site.front.measure(`/runs/${id}/output`, key, signal);
  const isRefused = output.status === 429 || output.status === 503;
  if (!isRefused && output.bytes !== whole) site.fault(`an output of ${output.bytes} bytes in place of ${whole}`);
  return /(?:^|\n)id: (\d+)/.exec((await site.call('GET', `/runs/${id}/stream`))?.text ?? '')?.[1] ?? '';
}

/** A reader that has the whole stream already is told to stop. */
async function readTheEnd(site: Site, id: string, lastEvent: string): Promise<void> {
  const all = (await site.call('GET', `/runs/${id}/stream`))?.text ?? '';
  const last = [...all.matchAll(/(?:^|\n)id: (\d+)/g)].at(-1)?.[1] ?? lastEvent;
  const answer = await site.call('GET', `/runs/${id}/stream`, { headers: { 'last-event-id': last } });
  if (answer !== null && answer.status !== 204)
    site.fault(`a stream with nothing left: ${answer.status} in place of 204`);
}
