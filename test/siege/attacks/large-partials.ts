import type { Site } from '../site.ts';

const shownBytes = 1024 * 1024;
/** What one run that shows 1 MiB all the time may put on the wire to one watcher, and into the store. */
const maxStreamed = 16;
const maxStored = 8;

/** A7: runs that show 1 MiB again and again while they last, each with a watcher that reads everything. */
export async function showLargePartials(site: Site): Promise<void> {
  const runs = site.isShort ? 1 : 4;
  const lastsMs = (site.isShort ? 2 : site.seconds) * 1000;
  await Promise.all(Array.from({ length: runs }, (_, n) => watchOne(site, n, lastsMs)));
}

async function watchOne(site: Site, n: number, lastsMs: number): Promise<void> {
  const id = await site.create('shower', { n: `shown-${n}`, ms: lastsMs });
  if (id === null) return;
  site.count();
  const { bytes, tail } = await site.front.measure(
    `/runs/${id}/stream`,
    site.key('mallory'),
    AbortSignal.timeout(lastsMs + 30_000),
  );
  if (!tail.includes('"success"')) site.fault(`a run that showed much: ${tail.slice(-200)}`);
  if (bytes > maxStreamed * shownBytes) site.fault(`a watcher was sent more than ${maxStreamed} MiB`);
  // The history that a late reader gets is what the store keeps.
  const replay = await site.front.measure(`/runs/${id}/stream`, site.key('mallory'), AbortSignal.timeout(30_000));
  if (replay.bytes > maxStored * shownBytes) site.fault(`more than ${maxStored} MiB of events are kept of a run`);
  if (!replay.tail.includes('"success"')) site.fault('a replayed stream has no end');
}
