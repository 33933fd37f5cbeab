import { afterAll, expect, test } from 'vitest';
import { type AuthSite, openAuthSite } from '../access/auth-site.ts';
import { openStores } from './admin-stores.ts';

const { stores, close } = await openStores();
afterAll(close);

async function countCommits(site: AuthSite): Promise<number> {
  const text = await (await fetch(`${site.url}/metrics`)).text();
  return Number(/^rungate_commit_duration_seconds_count (\d+)$/m.exec(text)?.[1] ?? 0);
}

test.each(stores)(
  'a run takes three commits on $name: its start, what its vendor calls it, and its end',
  async (store) => {
    const storeUrl = await store.makeUrl();
    await using site = await openAuthSite({
      sections: { server: { port: 0, metrics: true }, replicas: { heartbeatSeconds: 60, deadAfterSeconds: 300 } },
      ...(storeUrl === undefined ? {} : { storeUrl }),
    });
    const before = await countCommits(site);
    for (let n = 1; n <= 3; n += 1) {
      const { body } = await site.ask(null, 'POST', '/runs', { agent_id: 'echo', input: { n } });
      const { run_id: runId } = body as { readonly run_id: string };
      const { body: ended } = await site.ask(null, 'GET', `/runs/${runId}/output?block_timeout=20`);
      expect(ended).toMatchObject({ status: 'success' });
      expect([n, (await countCommits(site)) - before]).toEqual([n, 3 * n]);
    }
  },
);
