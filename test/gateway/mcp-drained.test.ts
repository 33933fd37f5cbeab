import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { openMcp, resultOf } from './mcp-site.ts';

vi.setConfig({ testTimeout: 60_000 });

let sandbox: Sandbox;
let folder: string;
beforeAll(async () => {
  sandbox = await startSandbox();
  folder = mkdtempSync(join(tmpdir(), 'rungate-mcp-'));
});
afterAll(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ['on a stream', 'stream', { _meta: { progressToken: 1 } }, {}],
  ['without one', 'plain', {}, { accept: 'application/json' }],
] as const)(
  'a call %s that a drain interrupts comes back for its run, which was started once',
  async (_, key, more, headers) => {
    const sections: JsonObject = { store: { url: `sqlite:${join(folder, `${key}.db`)}` } };
    await using first = await openMcp(sections, sandbox);
    const interrupted = first.call('never', { ms: 1500, key }, { more, headers });
    await vi.waitFor(() => expect(sandbox.starts().get(key)).toBe(1));
    await first.site.stop();
    const { resultType, requestState = null, inputRequests } = (await interrupted).body?.result ?? {};
    expect([resultType, requestState, inputRequests]).toEqual(['input_required', expect.any(String), undefined]);
    await using second = await openMcp(sections, sandbox);
    const { structuredContent } = resultOf(await second.call('never', {}, { more: { requestState } }));
    expect([structuredContent, sandbox.starts().get(key)]).toEqual([{ ms: 1500, key }, 1]);
  },
);
