import { repeat, type Site } from '../site.ts';

/** Live runs whose account is refused or cut off, each. */
const perTenant = 8;
const promptMs = 6000;

/**
 * A3: the vendor answers 429 with a long Retry-After to one tenant's account and cuts the connections of another's.
 * Runs of a third tenant at the same backend go on.
 */
export async function exhaustAccounts(site: Site): Promise<void> {
  const doomed: { readonly id: string; readonly key: string }[] = [];
  for (const tenant of ['limited', 'cutter'] as const) {
    for (let n = 0; n < (site.isShort ? 2 : perTenant); n += 1) {
      const id = await site.create('shared', { n }, tenant);
      if (id !== null) doomed.push({ id, key: site.key(tenant) });
    }
  }
  await repeat(site, async (round) => {
    const id = await site.create('shared', { n: `spared-${round}`, ms: 100 }, 'south');
    const outcome = id === null ? null : await site.outcome(id, { tenant: 'south', withinMs: promptMs });
    if (outcome !== null && !outcome.includes('"success"'))
      site.fault(`another tenant's run: ${outcome.slice(0, 200)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  // What is left would go on being refused in the parts that follow.
  for (const { id, key } of doomed) await site.call('DELETE', `/runs/${id}`, { key });
}
