import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AuthSite, ask, keyOf, openAuthSite } from '../access/auth-site.ts';
import { type PostgresServer, startPostgres } from '../store/postgres-server.ts';

const started = await startPostgres();
const reason = 'unavailable' in started ? started.unavailable : null;
const key = keyOf('shared', { limits: { requestsPerSecond: 5, liveRuns: 3, streams: 2 } });
const waiting = { agent_id: 'approval', input: { question: 'now?' } };

describe.skipIf(reason !== null)(`limits over two replicas${reason === null ? '' : ` (skipped: ${reason})`}`, () => {
  let site: AuthSite;
  /** Both replicas. */
  let urls: readonly string[];

  beforeAll(async () => {
    const server = started as PostgresServer;
    const sections = { auth: { keys: [key.entry, keyOf('free').entry] } };
    site = await openAuthSite({ sections, storeUrl: await server.createDatabase() });
    urls = [site.url, (await site.twin()).url];
  }, 60_000);
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
    if (!('unavailable' in started)) await started.destroy();
  });

  const at = (index: number): string => urls[index % urls.length] ?? '';

  test('the request limit of a key holds over two replicas together', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => ask(at(index), key.key, 'POST', '/runs/search', {})),
    );
    const left = answers.map(({ headers }) => Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]));
    // A window lets five through, whichever replica they came to; what came to both was counted as one.
    const windows = left.filter((each) => each === 4).length;
    const taken = answers.filter(({ status }) => status === 200).length;
    expect(taken).toBeLessThanOrEqual(5 * windows);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(60 - taken);
    expect(windows).toBeLessThan(12);
  });

  test('the limits of a key on live runs and streams hold over two replicas together', async () => {
    const create = async (index: number) => {
      for (;;) {
        const answer = await ask(at(index), key.key, 'POST', '/runs', waiting);
        // That too many come within a second is not the point here.
        if (answer.body !== 'the key makes too many requests: at most 5 a second') return answer;
      }
    };
    const created = await Promise.all(Array.from({ length: 10 }, (_, index) => create(index)));
    expect(created.filter(({ status }) => status === 200)).toHaveLength(3);
    const run = created.find(({ status }) => status === 200)?.body as { run_id: string };
    const leave = new AbortController();
    // An answer that is not referenced is closed by the garbage collector.
    const held: Response[] = [];
    const follow = async (index: number) => {
      for (;;) {
        const headers = { authorization: `Bearer ${key.key}` };
        const answer = await fetch(`${at(index)}/runs/${run.run_id}/stream`, { headers, signal: leave.signal });
        if (answer.status === 200) held.push(answer);
        if (answer.status === 200 || (await answer.text()).includes('streams')) return answer.status;
      }
    };
    const followed = await Promise.all(Array.from({ length: 6 }, (_, index) => follow(index)));
    expect(followed.toSorted()).toEqual([200, 200, 429, 429, 429, 429]);
    expect(held).toHaveLength(2);
    leave.abort();
  }, 60_000);
});
