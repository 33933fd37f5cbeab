import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type AuthSite, openAuthSite } from '../access/auth-site.ts';
import { call, eye, keys, plain, protocol, reached } from './admin-site.ts';
import { openStores } from './admin-stores.ts';

const absent = '0193b3a0-6b7c-7d2e-8f00-00000000dead';
const patience = { timeout: 20_000, interval: 20 };
const list = ({ body }: { readonly body: JsonObject }, name: string) => body[name] as readonly JsonObject[];

const { stores, close } = await openStores();
afterAll(close);

describe.each(stores)('the admin API on $name', { timeout: 60_000 }, ({ name: store, makeUrl }) => {
  let site: AuthSite;
  let doneId: string;
  const receiver = createServer((_, response) => response.writeHead(410).end());
  const tell = (id: string, options?: Parameters<typeof call>[2]) => call(site.url, id, options);

  async function create(agent: string, more: JsonObject = {}): Promise<string> {
    const { body } = await site.ask(plain.key, 'POST', '/runs', { agent_id: agent, input: { n: 1 }, ...more });
    const { run_id: runId } = body as { readonly run_id: string };
    await site.ask(plain.key, 'GET', `/runs/${runId}/output?block_timeout=20`);
    return runId;
  }

  beforeAll(async () => {
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const { port } = receiver.address() as { readonly port: number };
    const storeUrl = await makeUrl();
    site = await openAuthSite({
      sections: {
        auth: { keys },
        replicas: { heartbeatSeconds: 0.5, deadAfterSeconds: 5 },
        schedules: [{ name: 'yearly', agent: 'echo', cron: '0 0 1 1 *', timeZone: 'Europe/Berlin', overlap: 'queue' }],
        webhooks: { unsigned: true, allow: ['127.0.0.1'] },
        caps: [{ agent: 'scrape', runsPerHour: 3, costPerDay: 2.5, reserve: 0.5 }],
      },
      ...(storeUrl === undefined ? {} : { storeUrl }),
    });
    doneId = await create('echo', { webhook: `http://127.0.0.1:${port}/hook?secret=1` });
  }, 60_000);
  afterAll(async () => {
    receiver.close();
    await site[Symbol.asyncDispose]();
  });

  test(`the caller, what needs a person and the lists answer as the document says (${store})`, async () => {
    expect((await tell('whoami', { key: eye.key })).body).toEqual({ name: 'eye', tenant: 'platform', role: 'viewer' });
    expect((await tell('get_overview')).body).toMatchObject({ live: { count: 0 }, ended: { count: 1 }, stops: [] });
    expect(list(await tell('list_runs'), 'runs')).toHaveLength(1);
    expect((await tell('list_runs', { query: 'phase=x' })).status).toBe(422);
    expect((await tell('list_runs', { query: 'agent=nobody' })).status).toBe(404);
    expect((await tell('count_runs')).body).toMatchObject({ count: 1 });
    expect((await tell('count_runs', { query: 'status=x' })).status).toBe(422);
    expect((await tell('count_runs', { query: 'agent=nobody' })).status).toBe(404);
    expect((await tell('get_run', { params: { run_id: doneId }, query: 'reveal=input,output' })).status).toBe(200);
    expect((await tell('get_run', { params: { run_id: absent } })).status).toBe(404);
    expect((await tell('get_run', { params: { run_id: 'x' } })).status).toBe(422);
    expect(list(await tell('list_agents'), 'agents').map(({ name }) => name)).toEqual(['echo', 'scrape', 'approval']);
  });

  test(`a schedule shows when it comes next and what became of its last time (${store})`, async () => {
    const [shown] = list(await tell('list_schedules', { key: eye.key }), 'schedules');
    expect(shown).toMatchObject({
      ...{ name: 'yearly', agent: 'echo', tenant: 'default', cron: '0 0 1 1 *', time_zone: 'Europe/Berlin' },
      ...{ overlap: 'queue', missed: 'one', enabled: true, waiting_at: null, last: null },
    });
    // Midnight in Berlin, in winter.
    expect(shown?.next_at).toMatch(/-12-31T23:00:00/);
  });

  test(`a cap shows what was used of it (${store})`, async () => {
    expect(list(await tell('list_caps', { key: eye.key }), 'caps')).toEqual([
      {
        ...{ name: 'agent scrape', agent: 'scrape', tenant: null, reserve: 0.5, reserved: 0, reached: null },
        ...{ hour: { runs: 0, cost: 0 }, day: { runs: 0, cost: 0 } },
        limits: { runs_per_hour: 3, runs_per_day: null, cost_per_hour: null, cost_per_day: 2.5 },
      },
    ]);
  });

  test(`actions on runs answer as the document says (${store})`, async () => {
    for (const id of ['cancel_runs', 'replay_runs']) {
      expect((await tell(id, { body: { run_ids: [absent] } })).body).toMatchObject({
        refused: [{ run_id: absent, reason: 'there is no such run' }],
      });
      expect((await tell(id, { body: { filter: { agent: 'nobody' } } })).status).toBe(404);
      expect((await tell(id, { body: { run_ids: [absent], filter: { tenant: 'acme' } } })).status).toBe(422);
    }
  });

  test(`a run that is started by hand names who did it, and so does its answer (${store})`, async () => {
    const { body } = await tell('start_run', { params: { name: 'approval' }, body: { input: {}, tenant: 'acme' } });
    const params = { run_id: String(body.run_id) };
    const phaseOf = async () => (await tell('get_run', { params })).body;
    await vi.waitFor(async () => expect(await phaseOf()).toMatchObject({ phase: 'interrupted' }), patience);
    expect((await tell('resume_run', { params, body: {} })).status).toBe(422);
    expect((await tell('resume_run', { params, body: { payload: { approved: true } } })).status).toBe(204);
    await vi.waitFor(async () => expect(await phaseOf()).toMatchObject({ status: 'success' }), patience);
    const run = await phaseOf();
    expect(run).toMatchObject({ tenant: 'acme', metadata: { started_by: 'ops' }, actions: [{ action: 'resume' }] });
    const texts = (run.timeline as readonly JsonObject[]).map(({ text }) => text);
    expect(texts).toContain('answered by ops');
    expect((await tell('resume_run', { params, body: { payload: {} } })).status).toBe(409);
    expect((await tell('resume_run', { params: { run_id: absent }, body: { payload: {} } })).status).toBe(404);
    expect((await tell('start_run', { params: { name: 'gone' }, body: { input: {} } })).status).toBe(404);
    expect((await tell('start_run', { params: { name: 'echo' }, body: { inputs: {} } })).status).toBe(422);
    expect(site.log()).toContain('run resumed by an operator');
  });

  test(`parts of a mapping are tried on an answer of the vendor, and change nothing (${store})`, async () => {
    const trial = { agent: 'approval', status: 'completed', raw: { output: { approved: true } } };
    const attempt = async (mapping: JsonObject) => (await tell('try_mapping', { body: { ...trial, mapping } })).body;
    expect(await attempt({ output: "output.{ 'yes': approved }", status: { completed: 'success' } })).toMatchObject({
      ...{ problems: [], mapped: { status: 'success', output: { yes: true } } },
    });
    expect(await attempt({ output: 'output.{' })).toMatchObject({ problems: [expect.any(String)], mapped: null });
    expect(await attempt({ output: "$error('no such thing')", status: { completed: 'success' } })).toMatchObject({
      ...{ problems: [expect.stringContaining('"output" expression failed')], mapped: null },
    });
    expect(await attempt({ status: { completed: 'error' } })).toMatchObject({ mapped: { status: 'error' } });
    const unknown = await tell('try_mapping', { body: { ...trial, status: 'asleep' } });
    expect(unknown.body).toMatchObject({ mapped: { status: 'unmapped', vendor_status: 'asleep' } });
    expect((await tell('try_mapping', { body: { ...trial, agent: 'gone' } })).status).toBe(404);
    expect((await tell('try_mapping', { body: { ...trial, mapping: 'x' } })).status).toBe(422);
  });

  test(`a backend shows its calls, its last fault, its budget and its stop (${store})`, async () => {
    const found = await tell('get_backend', { params: { name: 'intuned' } });
    expect(found.body).toMatchObject({
      name: 'intuned',
      adapter: 'intuned',
      state: 'ok',
      last_fault: null,
      stop: null,
    });
    const {
      count,
      p50_ms: median,
      p95_ms: slow,
    } = found.body.calls as { count: number; p50_ms: number; p95_ms: number };
    expect(count).toBeGreaterThan(1);
    expect(median).toBeLessThanOrEqual(slow);
    expect(list(await tell('list_backends'), 'backends').map(({ name }) => name)).toEqual(['intuned', 'restack']);
    await site.sandbox.orderFault({ vendor: 'restack', operation: 'start', kind: 'status', status: 401, times: 1 });
    await site.ask(plain.key, 'POST', '/runs', { agent_id: 'approval', input: {} });
    await vi.waitFor(async () => {
      const { body } = await tell('get_backend', { params: { name: 'restack' } });
      expect(body.last_fault).toMatchObject({ http_status: 401, run_id: expect.any(String) });
    }, patience);
    for (const id of ['get_backend', 'pause_backend', 'resume_backend', 'probe_backend']) {
      const body = id === 'pause_backend' ? { reason: 'maintenance' } : undefined;
      expect([id, (await tell(id, { params: { name: 'gone' }, ...(body && { body }) })).status]).toEqual([id, 404]);
      const long = { params: { name: 'x'.repeat(257) }, ...(body && { body }) };
      expect([id, (await tell(id, long)).status]).toEqual([id, 422]);
    }
    const params = { name: 'restack' };
    expect((await tell('pause_backend', { params, body: {} })).status).toBe(422);
    expect((await tell('pause_backend', { params, body: { reason: 'maintenance' } })).body).toMatchObject({
      stop: { kind: 'backend', reason: 'maintenance', by: 'ops' },
    });
    expect((await tell('resume_backend', { params })).body).toMatchObject({ stop: null });
    expect((await tell('probe_backend', { params })).status).toBe(200);
  });

  test(`a queue shows what waits at a backend (${store})`, async () => {
    await tell('put_stop', { body: { kind: 'agent', name: 'scrape', reason: 'test' } });
    await site.ask(plain.key, 'POST', '/runs', { agent_id: 'scrape', input: { url: 'https://shop.example/' } });
    const queue = list(await tell('list_queues'), 'queues').find(({ backend }) => backend === 'intuned');
    expect(queue).toMatchObject({ waiting: 1, oldest_at: expect.any(String), complete: true });
    expect(list(await tell('list_stops'), 'stops')).toMatchObject([{ kind: 'agent', name: 'scrape', by: 'ops' }]);
    const { needs } = (await tell('get_overview')).body as { readonly needs: readonly JsonObject[] };
    expect(needs.map(({ text }) => text)).toContain('agent scrape starts nothing: stopped by ops (test)');
    const params = { kind: 'agent', name: 'scrape' };
    expect((await tell('lift_stop', { params })).status).toBe(204);
    expect((await tell('lift_stop', { params })).status).toBe(404);
    expect((await tell('lift_stop', { params: { kind: 'thread', name: 'x' } })).status).toBe(422);
    expect((await tell('put_stop', { body: { kind: 'agent', name: 'gone', reason: 'r' } })).status).toBe(404);
    expect((await tell('put_stop', { body: { kind: 'agent', name: 'echo' } })).status).toBe(422);
  });

  test(`a webhook that is given up is listed without its query, and sent again (${store})`, async () => {
    await vi.waitFor(async () => {
      const [delivery] = list(await tell('list_deliveries', { query: `run_id=${doneId}` }), 'deliveries');
      expect(delivery).toMatchObject({ state: 'stopped', url: expect.stringMatching(/\/hook$/) });
    }, patience);
    expect((await tell('list_deliveries', { query: 'state=x' })).status).toBe(422);
    expect((await tell('redrive_deliveries', { body: { run_id: doneId } })).body).toEqual({ redriven: 1 });
    expect((await tell('redrive_deliveries', { body: { state: ['delivered'] } })).status).toBe(422);
    expect(site.log()).toContain('webhooks redriven');
  });

  test(`the config is shown without its secrets, and a gateway from no file says so (${store})`, async () => {
    const shown = await tell('get_config', { query: 'compare=true' });
    expect(shown.body).toMatchObject({ hash: expect.stringMatching(/^[0-9a-f]{12}$/), check: { changes: [] } });
    const text = JSON.stringify(shown.body);
    expect(text).not.toContain('sandbox-key');
    for (const { sha256 } of keys) expect(text).not.toContain(String(sha256));
    expect((await tell('get_config', { query: 'compare=maybe' })).status).toBe(422);
    expect((await tell('check_config', { body: {} })).body).toMatchObject({
      problems: ['this gateway was not started from a file'],
    });
    expect((await tell('check_config', { body: { text: '' } })).status).toBe(422);
    expect((await tell('reload_config')).body).toMatchObject({ applied: false, hash: shown.body.hash });
  });

  test(`a replica reports itself, drains, refuses new runs meanwhile, and takes them again (${store})`, async () => {
    const [own] = list(await tell('list_replicas'), 'replicas');
    const replica = String(own?.replica);
    const { hash } = (await tell('get_config')).body;
    expect(own).toMatchObject({
      self: true,
      alive: true,
      draining: false,
      config_hash: hash,
      version: expect.any(String),
    });
    for (const id of ['drain_replica', 'undrain_replica']) {
      expect((await tell(id, { params: { replica: 'gone' } })).status).toBe(404);
      expect((await tell(id, { params: { replica: 'x'.repeat(257) } })).status).toBe(422);
    }
    expect((await tell('drain_replica', { params: { replica } })).body).toMatchObject({ drain: true, draining: true });
    const refused = await site.ask(plain.key, 'POST', '/runs', { agent_id: 'echo', input: {} });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    const ready = await site.ask(null, 'GET', '/health/ready');
    expect([ready.status, ready.body]).toMatchObject([503, { draining: true }]);
    expect((await tell('undrain_replica', { params: { replica } })).body).toMatchObject({
      drain: false,
      draining: false,
    });
    expect((await site.ask(null, 'GET', '/health/ready')).status).toBe(200);
    await create('echo');
  });

  test(`the log says all of a run for a while, and of none that is not there (${store})`, async () => {
    const body = { run_id: doneId, seconds: 60 };
    const { status, body: said } = await tell('set_debug_log', { body });
    expect([status, said]).toEqual([
      200,
      { replica: expect.any(String), run_id: doneId, until: expect.stringMatching(/Z$/), owner: null },
    ]);
    expect((await tell('set_debug_log', { body: { ...body, seconds: 0 } })).body).toMatchObject({ until: null });
    expect((await tell('set_debug_log', { body: { run_id: absent } })).status).toBe(404);
    expect((await tell('set_debug_log', { body: { seconds: 3601 } })).status).toBe(422);
  });

  test(`the stream of changes begins with a reset, shows runs, and goes on after the last id (${store})`, async () => {
    const first = await openStream();
    expect(await first.next()).toMatchObject({ event: 'reset' });
    const runId = await create('echo');
    const last = await first.until(({ data }) => data.run_id === runId && data.phase === 'done');
    expect(last.data).toMatchObject({ kind: 'run', tenant: 'acme', agent: 'echo', status: 'success' });
    await first.close();
    const missedId = await create('echo');
    const second = await openStream(last.id);
    expect((await second.until(({ data }) => data.run_id === missedId)).event).toBe('run');
    await tell('put_stop', { body: { kind: 'tenant', name: 'nobody', reason: 'r' } });
    expect((await second.until(({ event }) => event === 'stop')).data).toMatchObject({ stop: { name: 'nobody' } });
    await tell('lift_stop', { params: { kind: 'tenant', name: 'nobody' } });
    expect((await second.until(({ event }) => event === 'lift')).data).toMatchObject({ stop: { kind: 'tenant' } });
    await second.close();
    const unknown = await openStream('1');
    expect(await unknown.next()).toMatchObject({ event: 'reset' });
    await unknown.close();
    const bad = await fetch(`${site.url}/admin/v1/stream`, {
      headers: { authorization: `Bearer ${eye.key}`, 'last-event-id': 'x' },
    });
    expect(bad.status).toBe(422);
    reached.add('stream_changes 200').add('stream_changes 422');
  });

  type Sent = { readonly id: string; readonly event: string; readonly data: JsonObject };

  /** A reader of the stream, who checks each event against the document. */
  async function openStream(lastId?: string) {
    const abort = new AbortController();
    const headers = {
      authorization: `Bearer ${eye.key}`,
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    };
    const response = await fetch(`${site.url}/admin/v1/stream`, { headers, signal: abort.signal });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const schema = protocol.operations.find(({ id }) => id === 'stream_changes')?.answers[200]?.schema;
    let text = '';
    const next = async (): Promise<Sent> => {
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end < 0) {
          text += (await reader?.read())?.value ?? '';
          continue;
        }
        const frame = text.slice(0, end);
        text = text.slice(end + 2);
        const part = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(frame)?.[1] ?? '';
        if (part('data') === '') continue;
        const data = JSON.parse(part('data')) as Json;
        expect(schema?.parse(data)).toEqual(data);
        return { id: part('id'), event: part('event'), data: data as JsonObject };
      }
    };
    return {
      next,
      until: async (holds: (sent: Sent) => boolean): Promise<Sent> => {
        for (;;) {
          const sent = await next();
          if (holds(sent)) return sent;
        }
      },
      close: async () => {
        abort.abort();
        await reader?.cancel().catch(() => {});
      },
    };
  }
});

test('every status that the document has of an operation was answered', () => {
  const described = protocol.operations.flatMap(({ id, answers }) =>
    Object.keys(answers).map((status) => `${id} ${status}`),
  );
  expect(described.filter((each) => !reached.has(each))).toEqual([]);
});
