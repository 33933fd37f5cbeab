import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { codes, reasons } from '../../src/protocols/intuned/words.ts';
import type { FaultOrder } from '../../src/sandbox/faults.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { keyOf } from '../access/auth-site.ts';
import { RungateProcess } from '../gateway/process.ts';
import { IntunedClient, type Told } from './intuned-client.ts';
import { findObstacle } from './intuned-python.ts';

vi.setConfig({ testTimeout: 120_000 });

const project = { project_name: 'sam ples#1' };
const { key, entry } = keyOf('client');
const obstacle = findObstacle();

/** The sandbox, and a gateway over it in a process of its own. */
class Both implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'rungate-intuned-client-'));
  readonly sandbox: Sandbox;
  #gateway: RungateProcess | null = null;

  private constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  static async open(backend: JsonObject = {}): Promise<Both> {
    const both = new Both(await startSandbox());
    const config = {
      server: { port: 0 },
      store: { url: `sqlite:${join(both.folder, 'runs.db')}` },
      pacing: { floorMs: 5, watchedCeilingMs: 50, ceilingMs: 100 },
      auth: { keys: [entry] },
      backends: {
        intuned: {
          ...{ adapter: 'intuned', baseUrl: both.sandbox.intunedUrl, workspaceId: 'ws', apiKey: 'sandbox-key' },
          ...{ passthrough: true, ...backend },
        },
      },
      agents: [{ name: 'anything', backend: 'intuned', passthrough: true, lostAfterSeconds: 0.2 }],
    };
    writeFileSync(join(both.folder, 'rungate.yaml'), JSON.stringify(config));
    return both;
  }

  /** The client as it is today. */
  direct(apiKey = 'sandbox-key'): IntunedClient {
    return new IntunedClient(this.sandbox.intunedUrl, 'ws', apiKey);
  }

  /** The same with another address and another key. */
  async through(apiKey = key): Promise<IntunedClient> {
    this.#gateway ??= new RungateProcess(['serve', '--config', 'rungate.yaml'], this.folder);
    const { url } = await this.#gateway.client();
    return new IntunedClient(`${url}/intuned/api/v1/workspace`, 'ws', apiKey);
  }

  async kill(): Promise<void> {
    this.#gateway?.kill('SIGKILL');
    await this.#gateway?.exit();
    this.#gateway = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.sandbox.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function start(
  client: IntunedClient,
  api: string,
  parameters: JsonObject = {},
  idempotencyKey?: string,
): Promise<Told> {
  return client.call('projects.runs.start', { ...project, body: { api, parameters } }, idempotencyKey);
}

function result(client: IntunedClient, { value }: Told): Promise<Told> {
  const { runId } = value as { readonly runId: string };
  return client.call('projects.runs.result', { ...project, run_id: runId });
}

/** Starts and asks until the run is over; what the client raises ends it too. */
async function run(client: IntunedClient, api: string, parameters: JsonObject = {}): Promise<Told> {
  const started = await start(client, api, parameters);
  if (started.raised !== undefined) return started;
  for (;;) {
    const told = await result(client, started);
    const status = (told.value as JsonObject | undefined)?.status;
    if (status !== 'pending' && status !== 'started') return told;
  }
}

/** Without what differs from run to run. */
function timeless(told: Told): Json {
  const differs = new Set(['runId', 'correlation_id', 'doc_url']);
  return JSON.parse(JSON.stringify(told), (name, value: unknown) => (differs.has(name) ? '…' : value)) as Json;
}

const failures = [
  ...codes.map((code) => ['fail', { code, message: 'm', category: 'auth' }] as const),
  ...reasons.map((reason) => ['cancel', { reason, message: 'm' }] as const),
  ['echo', { deep: [{ a: null }], text: 'é\u{1F600}' }] as const,
];

describe.skipIf(obstacle !== null)(`the published client of Intuned (${obstacle ?? 'it is installed'})`, () => {
  test('reads every result, code and reason alike from the vendor and from the gateway', async () => {
    await using both = await Both.open();
    await using direct = both.direct();
    await using through = await both.through();
    for (const [api, parameters] of failures) {
      const [theirs, ours] = [await run(direct, api, parameters), await run(through, api, parameters)];
      expect(theirs.raised).toBeUndefined();
      expect(timeless(ours)).toEqual(timeless(theirs));
    }
  });

  test('raises for words that it does not know where it asks the vendor, and not where it asks the gateway', async () => {
    await using both = await Both.open();
    await using direct = both.direct();
    await using through = await both.through();
    const own = { code: 'page-not-found', category: 'execution', message: 'no page' };
    expect(await run(direct, 'fail', own)).toMatchObject({ raised: 'ValidationError' });
    expect(await run(through, 'fail', own)).toMatchObject({
      value: { status: 'failed', error: { category: 'execution', message: 'no page' } },
    });
    expect(await run(direct, 'odd-status')).toMatchObject({ raised: 'ValidationError' });
    const started = await start(through, 'odd-status');
    let told: Told = {};
    do told = await result(through, started);
    while ((told.value as JsonObject).status === 'pending');
    expect(told).toMatchObject({ value: { status: 'started' } });
  });

  const spoiled: readonly (readonly [string, Omit<FaultOrder, 'vendor'>])[] = [
    ['429 at the start', { operation: 'start', kind: 'status', status: 429, retryAfterSeconds: 0, times: 2 }],
    ['500', { operation: 'observe', kind: 'status', status: 500, times: 2 }],
    ['a page', { operation: 'observe', kind: 'status', status: 502, page: true, times: 2 }],
    ['garbage', { operation: 'observe', kind: 'malformed', times: 2 }],
    ['a cut', { operation: 'observe', kind: 'cut-before', times: 2 }],
    ['another shape', { operation: 'observe', kind: 'wrong-shape', times: 2 }],
  ];

  test.each(spoiled)(
    'raises for %s where it asks the vendor, and gets the result from the gateway',
    async (_name, order) => {
      await using both = await Both.open();
      await using direct = both.direct();
      await using through = await both.through();
      await both.sandbox.orderFault({ vendor: 'intuned', ...order });
      expect((await run(direct, 'echo', { a: 1 })).raised).toBeDefined();
      await both.sandbox.clearFaults();
      await both.sandbox.orderFault({ vendor: 'intuned', ...order });
      expect(await run(through, 'echo', { a: 1 })).toMatchObject({ value: { status: 'completed', result: { a: 1 } } });
      expect(both.sandbox.faults()).toEqual([]);
    },
  );

  test('raises NotFoundError for a run that the vendor has forgotten, and gets a failure of it from the gateway', async () => {
    await using both = await Both.open();
    await using direct = both.direct();
    await using through = await both.through();
    expect(await run(direct, 'vanish', { ms: 0 })).toMatchObject({ raised: 'NotFoundError', status: 404 });
    expect(await run(through, 'vanish', { ms: 0 })).toMatchObject({
      value: {
        status: 'failed',
        error: { category: 'infrastructure', code: 'internal-server-error', retirable: false },
      },
    });
  });

  test('starts one run for two starts with one Idempotency-Key', async () => {
    await using both = await Both.open();
    await using through = await both.through();
    const [first, second] = [await start(through, 'echo', {}, 'k'), await start(through, 'echo', {}, 'k')];
    expect(second).toEqual(first);
    await run(through, 'echo');
    expect(both.sandbox.stats().starts).toBe(2);
  });

  test('gets the result of a run whose gateway was killed, and the vendor has started it once', async () => {
    await using both = await Both.open();
    let started: Told;
    {
      await using through = await both.through();
      started = await start(through, 'echo', { delayMs: 1500 });
      while (((await result(through, started)).value as JsonObject).status !== 'started');
      await both.kill();
      expect((await result(through, started)).raised).toBe('ConnectError');
    }
    await using through = await both.through();
    let told: Told;
    do told = await result(through, started);
    while ((told.value as JsonObject).status !== 'completed');
    expect(told.value).toMatchObject({
      ...(started.value as JsonObject),
      status: 'completed',
      result: { delayMs: 1500 },
    });
    expect(both.sandbox.stats().starts).toBe(1);
  });

  test('raises the same error for a wrong key at the vendor and at the gateway', async () => {
    await using both = await Both.open();
    await using direct = both.direct('wrong');
    await using through = await both.through('wrong');
    for (const client of [direct, through]) {
      const body = { code: 'unauthorized', category: 'auth', retirable: false, correlationId: expect.any(String) };
      expect(await start(client, 'echo')).toMatchObject({ raised: 'AuthenticationError', status: 401, body });
      expect(await client.call('projects.jobs.list', project)).toMatchObject({ raised: 'AuthenticationError' });
    }
  });

  test('raises the same error for a run, a job and a start that are not there, with startRefusal hold', async () => {
    await using both = await Both.open({ startRefusal: 'hold' });
    await using direct = both.direct();
    await using through = await both.through();
    for (const client of [direct, through]) {
      const gone = {
        raised: 'NotFoundError',
        status: 404,
        body: { code: 'not-found', correlationId: expect.any(String) },
      };
      expect(await client.call('projects.runs.result', { ...project, run_id: 'none' })).toMatchObject(gone);
      expect(await client.call('projects.jobs.get', { ...project, job_id: 'none' })).toMatchObject(gone);
      expect(await start(client, 'no-such-api')).toMatchObject(gone);
    }
  });

  test('works with jobs and web tasks through the gateway as with the vendor', async () => {
    await using both = await Both.open();
    await using direct = both.direct();
    await using through = await both.through();
    const told = async (client: IntunedClient, id: string): Promise<readonly Json[]> => {
      const job = { ...project, job_id: id };
      const payload = [{ api_name: 'hang', parameters: {} }];
      const created = await client.call('projects.jobs.create', {
        ...project,
        body: { id, payload, configuration: {} },
      });
      const triggered = await client.call('projects.jobs.trigger', job);
      const { jobRunId } = triggered.value as { readonly jobRunId: string };
      const one = { ...job, job_run_id: jobRunId };
      const ended = await client.call('projects.jobs.runs.terminate', one);
      const seen = await client.call('projects.jobs.runs.get', one);
      const paused = await client.call('projects.jobs.pause', job);
      const removed = await client.call('projects.jobs.delete', job);
      const task = await client.call('web_tasks.start', { body: { task: 'x', parameters: { a: 1 } } });
      const { status } = (seen.value as { readonly jobRun: JsonObject }).jobRun;
      const statusOf = ({ value }: Told) => (value as JsonObject | null)?.status ?? null;
      return [timeless(ended), timeless(paused), timeless(removed), status ?? null, statusOf(task), 'value' in created];
    };
    expect(await told(through, 'theirs')).toEqual(await told(direct, 'ours'));
  });
});
