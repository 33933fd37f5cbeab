import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { AcpClient, RunAnswer } from './client.ts';
import { RungateProcess } from './process.ts';
import { ask } from './protocols.ts';
import { scraper, writeConfig } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';
import type { VendorRun } from './vendor.ts';

/** How long a test waits for an event, and how often it checks. */
export const patience = { timeout: 30_000, interval: 20 };

/** One vendor that counts, and processes that share a store. */
export type StorageRig = AsyncDisposable & {
  readonly intuned: IntunedStandIn;
  readonly folder: string;
  /** One more process of the same config. */
  serve(): RungateProcess;
};

/** `storeUrl` is given a folder that is removed at the end. */
export async function openStorageRig(options: {
  readonly storeUrl: (folder: string) => string;
  readonly sections?: JsonObject;
  /** Keys of the backend. */
  readonly backend?: JsonObject;
}): Promise<StorageRig> {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-storage-'));
  const intuned = await IntunedStandIn.open();
  const sections: JsonObject = {
    pacing: { floorMs: 20, watchedCeilingMs: 50, ceilingMs: 100 },
    log: { level: 'info' },
    ...options.sections,
    store: { url: options.storeUrl(folder) },
  };
  const file = join(folder, 'rungate.yaml');
  const { backend = {} } = options;
  writeFileSync(file, writeConfig({ intuned, agents: [scraper], backend, sections }, folder));
  return {
    intuned,
    folder,
    serve: () => new RungateProcess(['serve', '--config', file, '--port', '0'], folder),
    [Symbol.asyncDispose]: async () => {
      await intuned[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A request for a run that the vendor can distinguish from the others. */
export function asking(name: string): JsonObject {
  return { agent_id: 'price-scraper', input: { name } };
}

/** The vendor's runs that were started for a request. */
export function startsOf(intuned: IntunedStandIn, name: string): readonly VendorRun[] {
  return intuned.runs.filter(({ asked }) => {
    const { parameters } = asked.body as { readonly parameters: { readonly name?: string } };
    return parameters.name === name;
  });
}

/** The vendor's run of a request, once it was started. */
export async function startOf(intuned: IntunedStandIn, name: string): Promise<VendorRun> {
  return await intuned.bell.until(() => startsOf(intuned, name)[0]);
}

const unavailable = 'the store does not answer; nothing was accepted';

/** A refusal, in the words of each protocol. */
const protocols: readonly (readonly [path: string, words: Json])[] = [
  ['/runs', unavailable],
  ['/acp/v0.2/runs', unavailable],
  [
    '/agent-protocol/runs',
    { code: 'storage_unavailable', message: unavailable, metadata: { retryable: true, retry_after_seconds: 1 } },
  ],
];

/** Creations and readiness say that the store is away. */
export async function expectRefusals({ url }: AcpClient): Promise<void> {
  for (const [path, words] of protocols) {
    const { status, headers, body } = await ask(url, 'POST', path, asking('refused'));
    expect([path, status, headers.get('retry-after'), body]).toEqual([path, 503, '1', words]);
  }
  expect(await readiness(url)).toMatchObject([503, { checks: { store: 'failing' } }]);
  expect((await ask(url, 'GET', '/health/live')).status).toBe(200);
}

export async function readiness(url: string): Promise<readonly [status: number, body: Json]> {
  const { status, body } = await ask(url, 'GET', '/health/ready');
  return [status, body];
}

/** Creations are taken again, by the same process; gives the run. */
export async function createAgain(client: AcpClient, name: string): Promise<RunAnswer> {
  await vi.waitFor(async () => expect(await readiness(client.url)).toMatchObject([200, {}]), patience);
  return await client.create(asking(name));
}
