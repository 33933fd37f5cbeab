import { expect, test } from 'vitest';
import { Mounts } from '../../src/http/mounts.ts';
import { parse, sample } from '../config/vendors.ts';
import { sealerFor } from './held-tickets.ts';

test('a reload that changes nothing of the protocols keeps them, so that open streams of earlier configs share them', async () => {
  const mounts = new Mounts(sealerFor);
  const first = await parse(sample());
  const kept = mounts.of(first);
  const other = await parse(sample({ agent: 'description: another text' }));
  expect(other.hash).not.toBe(first.hash);
  expect(mounts.of(other)).toBe(kept);
});

test('protocols are made anew for a config that changes what they take from it', async () => {
  const config = await parse(sample());
  const changes = [
    {
      ...config,
      server: {
        ...config.server,
        unknownFields: config.server.unknownFields === 'reject' ? ('ignore' as const) : ('reject' as const),
      },
    },
    { ...config, server: { ...config.server, rootProtocol: 'acp-v0.2' as const } },
    { ...config, limits: { ...config.limits, maxListBytes: 12_345 } },
    { ...config, limits: { ...config.limits, maxBlockSeconds: 7 } },
    { ...config, webhooks: { ...config.webhooks, unsigned: true } },
    { ...config, a2a: { uniqueMessageIds: !config.a2a.uniqueMessageIds } },
    { ...config, auth: { keys: [], jwt: null } as unknown as typeof config.auth },
    { ...config, defaultAgent: 'any' },
    { ...config, admin: { ...config.admin, enabled: false } },
  ];
  for (const change of changes) {
    const mounts = new Mounts(sealerFor);
    expect(mounts.of(change)).not.toBe(mounts.of(config));
  }
});
