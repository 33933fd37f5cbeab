import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { AcpClient, Answered } from '../gateway/client.ts';
import { RungateProcess } from '../gateway/process.ts';
import { type SiteOptions, writeConfig } from '../gateway/site.ts';
import { IntunedStandIn } from '../gateway/stand-ins.ts';
import type { Night } from './night-table.ts';

export const patience = { timeout: 30_000, interval: 50 };
/** An operator whose key the tests have, where clients have keys. */
export type RigOptions = Omit<SiteOptions, 'intuned'> & {
  readonly storeUrl?: (folder: string) => string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** One process, as an operator and a client see it. */
export type Replica = {
  readonly process: RungateProcess;
  readonly client: AcpClient;
  admin(method: string, path: string, body?: Json): Promise<Answered>;
};

export type NightRig = AsyncDisposable & {
  readonly intuned: IntunedStandIn;
  readonly folder: string;
  serve(): Promise<Replica>;
  /** Writes another config and has the process take it; the API says whether it did. */
  reload(replica: Replica, options: Partial<RigOptions>): Promise<JsonObject>;
};

export async function openNight(options: RigOptions): Promise<NightRig> {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-night-'));
  const intuned = await IntunedStandIn.open();
  const file = join(folder, 'rungate.yaml');
  const { storeUrl = (at: string) => `sqlite:${join(at, 'runs.db')}`, headers = {} } = options;
  const write = (changed: Partial<RigOptions>): void => {
    const sections: JsonObject = {
      server: { port: 0, metrics: true },
      pacing: { floorMs: 20, watchedCeilingMs: 50, ceilingMs: 100 },
      log: { level: 'info' },
      replicas: { heartbeatSeconds: 0.5, deadAfterSeconds: 3 },
      ...options.sections,
      store: { url: storeUrl(folder) },
    };
    writeFileSync(`${file}.new`, writeConfig({ intuned, ...options, ...changed, sections }, folder));
    renameSync(`${file}.new`, file);
  };
  write({});
  return {
    intuned,
    folder,
    serve: async () => {
      const process = new RungateProcess(['serve', '--config', file, '--port', '0'], folder);
      const client = await process.client();
      const admin: Replica['admin'] = (method, path, body) => client.ask(method, `/admin/v1${path}`, body, headers);
      return { process, client, admin };
    },
    reload: async ({ admin }, changed) => {
      write(changed);
      return (await admin('POST', '/config:reload')).body as JsonObject;
    },
    [Symbol.asyncDispose]: async () => {
      await intuned[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves once the overview, the log and the metrics say what the table has, which must be in time. */
export async function expectSigns(replica: Replica, night: Night, sinceMs = performance.now()): Promise<void> {
  const { kind, needs, log, logFields, withinSeconds } = night;
  await vi.waitFor(async () => {
    const found = await needsOf(replica);
    expect(found).toContainEqual(expect.objectContaining({ kind, text: expect.stringMatching(patternOf(needs)) }));
    expect(await isAlerting(replica, night)).toBe(true);
  }, patience);
  const members = Object.entries(logFields).map(([name, value]) => new RegExp(`"${name}":"?${value}"?[,}]`));
  await replica.process.said(
    new RegExp(
      `(\\{${members.map(({ source }) => `(?=[^\\n]*${source})`).join('')}[^\\n]*"msg":"${escapePattern(log)}")`,
    ),
  );
  expect((performance.now() - sinceMs) / 1000).toBeLessThan(withinSeconds);
}

/** Resolves once neither the overview nor the metrics say it any more. */
export async function expectQuiet(replica: Replica, night: Night): Promise<void> {
  await vi.waitFor(async () => {
    expect((await needsOf(replica)).filter(({ kind }) => kind === night.kind)).toEqual([]);
    expect(night.alert.startsWith('increase(') || !(await isAlerting(replica, night))).toBe(true);
  }, patience);
}

async function needsOf({ admin }: Replica): Promise<readonly JsonObject[]> {
  const { status, body } = await admin('GET', '/overview');
  expect(status).toBe(200);
  return (body as JsonObject).needs as readonly JsonObject[];
}

/** Evaluates the one form of expression that the table has. A counter that was 0 and is not now has increased. */
async function isAlerting({ client }: Replica, { alert }: Night): Promise<boolean> {
  const [, name = '', labels = '', operator, bound] =
    /^(?:increase\()?(\w+)(?:\{(.*?)\})?(?:\[5m\]\))? (==|>) (\d+)$/.exec(alert) ?? [];
  if (operator === undefined) throw new Error(`not an expression that the tests can evaluate: ${alert}`);
  const wanted = labels === '' ? [] : labels.split(',');
  const text = await (await fetch(`${client.url}/metrics`)).text();
  return text.split('\n').some((line) => {
    const [, found = '', value = ''] = new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`).exec(line) ?? [];
    if (value === '' || !wanted.every((label) => found.split(',').includes(label))) return false;
    return operator === '==' ? Number(value) === Number(bound) : Number(value) > Number(bound);
  });
}

function patternOf(sentence: string): RegExp {
  const pattern = escapePattern(sentence)
    .replace(/\bN\b/g, '\\d+')
    .replace(/\bID\b/g, '[0-9a-f-]{36}');
  return new RegExp(`^${pattern}`);
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
