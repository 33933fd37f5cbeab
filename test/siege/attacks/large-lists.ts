import { inLanes, repeat, type Site } from '../site.ts';

const inputBytes = 1_000_000;
/** limits.maxListBytes, and what one row may have on top of it. */
const maxListBytes = 8 * 1024 * 1024 + 1.2 * inputBytes;

const searches = [
  ['/runs/search', { limit: 1000 }],
  ['/acp/v0.2/runs/search', { limit: 1000 }],
  ['/agent-protocol/runs/search', { limit: 1000 }],
  ['/agent-protocol/threads/search', { limit: 1000 }],
  ['/agent-protocol/store/items/search', { namespace_prefix: ['siege'], limit: 1000 }],
] as const;

/** A5: lists of runs with large inputs and of large items are bounded, and filters with many keys are no fault. */
export async function searchLargeLists(site: Site): Promise<void> {
  const [runs, items] = site.isShort ? [12, 4] : [150, 150];
  const text = 'l'.repeat(inputBytes);
  const threads = await makeThreads(site, 4);
  await inLanes(
    4,
    Array.from({ length: runs }, (_, n) => n),
    async (n) => {
      const thread = threads[n];
      if (thread === undefined) await site.create('quick', { n: `large-${n}`, text });
      else {
        const body = { agent_id: 'quick', input: { n: `large-${n}`, text: text.slice(0, 400_000) } };
        await site.call('POST', `/agent-protocol/threads/${thread}/runs`, { body });
      }
    },
  );
  await inLanes(
    4,
    Array.from({ length: items }, (_, n) => n),
    async (n) => {
      const body = { namespace: ['siege'], key: `item-${n}`, value: { text: text.slice(0, 60_000) } };
      const answer = await site.call('PUT', '/agent-protocol/store/items', { body });
      if (answer !== null && answer.status >= 400) site.fault(`an item: ${answer.status} ${answer.text.slice(0, 150)}`);
    },
  );
  const untilMs = performance.now() + site.seconds * 1000;
  await repeat({ ...site, untilMs }, async () => {
    await inLanes(4, searches, async ([path, body]) => {
      const answer = await site.call('POST', path, { body });
      if (answer === null) return;
      const bytes = Buffer.byteLength(answer.text);
      if (answer.status !== 200) site.fault(`${path}: ${answer.status} ${answer.text.slice(0, 150)}`);
      else if (bytes > maxListBytes) site.fault(`${path}: an answer of more than ${Math.round(maxListBytes)} bytes`);
      else if (!answer.text.startsWith('[') && !answer.text.startsWith('{')) site.fault(`${path}: no list`);
    });
    await filterByMany(site);
  });
}

async function makeThreads(site: Site, count: number): Promise<readonly string[]> {
  const threads: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const answer = await site.call('POST', '/agent-protocol/threads', { body: {} });
    const id = /"thread_id":"([^"]+)"/.exec(answer?.text ?? '')?.[1];
    if (id === undefined) site.fault(`a thread: ${answer?.status} ${answer?.text.slice(0, 150)}`);
    else threads.push(id);
  }
  return threads;
}

/** Filters of many keys, of many values and deep ones: found, or refused in words. */
async function filterByMany(site: Site): Promise<void> {
  const many = Object.fromEntries(Array.from({ length: 999 }, (_, n) => [`k${n}`, n]));
  const deep = Array.from({ length: 90 }).reduce<unknown>((below) => ({ a: below }), 1);
  for (const metadata of [many, { a: deep }, { a: Array.from({ length: 5000 }, (_, n) => n) }]) {
    for (const path of ['/runs/search', '/agent-protocol/threads/search']) {
      const answer = await site.call('POST', path, { body: { metadata } });
      if (answer !== null && answer.status !== 200 && answer.status !== 422) {
        site.fault(`${path} with a large filter: ${answer.status} ${answer.text.slice(0, 150)}`);
      }
    }
  }
}
