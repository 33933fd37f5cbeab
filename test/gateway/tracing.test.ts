import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { Receiver, secret } from '../webhooks/receiver.ts';
import { Collector } from './collector.ts';
import { RungateProcess } from './process.ts';
import { openSite, scraper, writeConfig } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
const webhooks = { secrets: [secret], allow: ['127.0.0.1'] };

async function create(url: string, headers: Readonly<Record<string, string>>, more: JsonObject = {}): Promise<string> {
  const answer = await fetch(`${url}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ agent_id: 'price-scraper', input: { a: 1 }, ...more }),
  });
  expect(answer.status).toBe(200);
  const { run_id: runId } = (await answer.json()) as { run_id: string };
  return runId;
}

test('without tracing the trace of a client is handed on as it is, to the vendor and to the receiver of its webhook', async () => {
  await using intuned = await IntunedStandIn.open();
  await using receiver = await Receiver.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  await using site = await openSite({ intuned, agents: [scraper], sections: { webhooks } });
  const runId = await create(
    site.client.url,
    { traceparent, tracestate: 'a=1', 'x-request-id': 'req-1' },
    { webhook: receiver.url },
  );
  const [delivery] = await receiver.count(1);
  expect(delivery?.headers).toMatchObject({ traceparent, tracestate: 'a=1' });
  expect(intuned.runs[0]?.asked.headers).toMatchObject({ traceparent, tracestate: 'a=1' });
  const ended = site.log.find((line) => line.msg === 'run ended');
  expect(ended).toMatchObject({ run_id: runId, request_id: 'req-1', trace_id: traceId });
});

test('a run of a client without a trace hands none on', async () => {
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  await using site = await openSite({ intuned, agents: [scraper] });
  await site.client.run({ agent_id: 'price-scraper', input: {} });
  expect(intuned.runs[0]?.asked.headers).not.toHaveProperty('traceparent');
});

test('log.access writes a line for each request with its id, operation, status and time', async () => {
  await using intuned = await IntunedStandIn.open();
  await using site = await openSite({ intuned, agents: [scraper], sections: { log: { level: 'info', access: true } } });
  await create(site.client.url, { 'x-request-id': 'req-2', traceparent });
  expect(site.log.find((line) => line.msg === 'request answered')).toMatchObject({
    ...{ request_id: 'req-2', trace_id: traceId, method: 'POST', path: '/runs', status: 200 },
    ...{ operation: expect.stringContaining('acp-v0.1.'), took_ms: expect.any(Number) },
  });
});

test('one trace leads from the client through a killed gateway to the calls of the vendor and to the webhook', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-tracing-'));
  await using collector = await Collector.open();
  await using intuned = await IntunedStandIn.open();
  await using receiver = await Receiver.open();
  const file = join(folder, 'rungate.yaml');
  const tracing = { otlp: collector.url, headers: { 'x-collector-key': 'of-the-collector' }, serviceName: 'gate' };
  const sections = { webhooks, tracing, pacing: { floorMs: 20, watchedCeilingMs: 100, ceilingMs: 200 } };
  writeFileSync(file, writeConfig({ intuned, agents: [scraper], keeps: true, sections }, folder));
  const serve = () => new RungateProcess(['serve', '--config', file, '--port', '0'], folder);
  try {
    await using first = serve();
    const runId = await create((await first.client()).url, { traceparent }, { webhook: receiver.url });
    await intuned.bell.until(() => (intuned.runs[0]?.polls ?? 0) > 0);
    const request = await collector.span('request', traceId);
    const start = await collector.span('start', traceId);
    expect(request.parentSpanId).toBe('b7ad6b7169203331');
    expect(start.parentSpanId).toBe(request.spanId);
    // The vendor's own spans become children of the call.
    expect(intuned.runs[0]?.asked.headers.traceparent).toBe(`00-${traceId}-${start.spanId}-01`);
    first.kill('SIGKILL');
    await first.exit();

    intuned.runs[0]?.say({ status: 'completed', result: 1 });
    await using second = serve();
    await second.client();
    const [delivery] = await receiver.count(1);
    const webhook = await collector.span('webhook', traceId);
    const run = await collector.span('run', traceId);
    expect(webhook.parentSpanId).toBe(request.spanId);
    expect(run.parentSpanId).toBe(request.spanId);
    expect(run.attributes).toContainEqual({ key: 'run_id', value: { stringValue: runId } });
    expect(delivery?.headers.traceparent).toBe(`00-${traceId}-${webhook.spanId}-01`);
    expect(collector.headers['x-collector-key']).toBe('of-the-collector');
    expect(intuned.runs).toHaveLength(1);
    second.kill('SIGTERM');
    expect((await second.exit()).code).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a trace that a client does not sample is not reported, and a failed call of the vendor says why', async () => {
  await using collector = await Collector.open();
  await using intuned = await IntunedStandIn.open();
  intuned.apiKeys.clear();
  await using site = await openSite({ intuned, agents: [scraper], sections: { tracing: { otlp: collector.url } } });
  const unsampled = '1'.repeat(32);
  await create(site.client.url, { traceparent: `00-${unsampled}-b7ad6b7169203331-00` });
  await create(site.client.url, { traceparent });
  const start = await collector.span('start', traceId);
  expect(start.status).toMatchObject({ code: 2, message: expect.stringContaining('Invalid API key') });
  expect(start.attributes).toContainEqual({ key: 'http.response.status_code', value: { intValue: 401 } });
  await collector.span('run', traceId);
  expect(collector.spans.filter((span) => span.traceId === unsampled)).toEqual([]);
});

test('a collector that is away delays neither a run nor the end of the gateway', async () => {
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  const tracing = { otlp: 'http://127.0.0.1:9/v1/traces' };
  await using site = await openSite({ intuned, agents: [scraper], sections: { tracing } });
  const run = await site.client.run({ agent_id: 'price-scraper', input: {} });
  expect(run.run_id).toBeTypeOf('string');
  await site.stop();
});

test('the metrics of a run name its agent and backend, and have its trace as an exemplar', async () => {
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  await using site = await openSite({ intuned, agents: [scraper], sections: { server: { port: 0, metrics: true } } });
  const runId = await create(site.client.url, { traceparent });
  await site.client.output(runId);
  const read = async (accept: string) => {
    const answer = await fetch(`${site.client.url}/metrics`, { headers: { accept } });
    return { type: answer.headers.get('content-type'), text: await answer.text() };
  };
  const plain = await read('text/plain');
  const labels = 'backend="intuned",agent="price-scraper",status="success"';
  expect(plain.text).toContain(`rungate_runs_ended_total{${labels},errcode=""} 1\n`);
  expect(plain.text).toContain(`rungate_run_duration_seconds_count{${labels}} 1\n`);
  expect(plain.text).toContain(
    'rungate_vendor_call_duration_seconds_count{backend="intuned",operation="start",outcome="answered"} 1\n',
  );
  expect(plain.text).toMatch(/rungate_finish_lag_seconds_count\{backend="intuned",mode="poll"\} 1\n/);
  expect(plain.text).toMatch(/rungate_run_queue_seconds_count\{backend="intuned"\} 1\n/);
  expect(plain.text).toMatch(/rungate_commit_duration_seconds_count [1-9]/);
  expect(plain.text).toMatch(/rungate_http_request_duration_seconds_count\{operation="acp-v0\.1\.\w+",code="200"\} \d/);
  expect(plain.text).toMatch(/rungate_build_info\{version="\d[^"]*",node="\d[^"]*",config_hash="\w{12}"\} 1\n/);
  expect(plain.text).toContain('rungate_backend_up{backend="intuned",state="ok"} 1\n');
  expect(plain.text).not.toContain(traceId);
  // As Prometheus asks.
  const open = await read('application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2');
  expect((await read('*/*')).type).toMatch(/^text\/plain/);
  expect(open.type).toMatch(/^application\/openmetrics-text/);
  expect(open.text).toContain(`trace_id="${traceId}"`);
});
