import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { counters, histograms } from '../../src/observability/metric-tables.ts';
import { createMetrics, type MetricsRegistry } from '../../src/observability/metrics.ts';

type Series = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number };

const openMetrics = (): MetricsRegistry => createMetrics({ processMetrics: false });

/** Every series of a counter that was counted, read back from the text that Prometheus reads. */
async function readSeries(metrics: MetricsRegistry): Promise<readonly Series[]> {
  const { text } = await metrics.render();
  return text
    .split('\n')
    .filter((line) => /^\w+_total[ {]/.test(line))
    .map(readLine)
    .filter(({ value }) => value > 0);
}

function readLine(line: string): Series {
  const [, name = '', inner = '', value] = /^rungate_(\w+)_total(?:\{(.*)\})? (\d+)$/.exec(line) ?? [];
  const pairs = [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, text]);
  // Nothing on the line is left over: it is a series and no more.
  expect(line).toBe(
    `rungate_${name}_total${inner === '' ? '' : `{${pairs.map(([label, text]) => `${label}="${text}"`).join(',')}}`} ${value}`,
  );
  return { name, labels: Object.fromEntries(pairs), value: Number(value) };
}

test('metrics are counted by name and labels, whatever the order of the labels', async () => {
  const metrics = openMetrics();
  metrics.count('runs_created');
  metrics.count('runs_created');
  metrics.count('polls', { backend: 'a', result: 'ok' });
  metrics.count('polls', { result: 'ok', backend: 'a' });
  metrics.count('polls', { backend: 'b', result: 'ok' });
  expect(await readSeries(metrics)).toEqual([
    { name: 'runs_created', labels: {}, value: 2 },
    { name: 'polls', labels: { backend: 'a', result: 'ok' }, value: 2 },
    { name: 'polls', labels: { backend: 'b', result: 'ok' }, value: 1 },
  ]);
});

test('a count under a wrong name or with wrong labels does not throw and is shown in unknown_counts', async () => {
  const metrics = openMetrics();
  metrics.count('runs_creatde');
  metrics.count('constructor');
  metrics.count('polls', { backend: 'a' });
  metrics.count('polls', { backend: 'a', kind: 'b' });
  metrics.count('runs_created', { backend: 'a' });
  expect(await readSeries(metrics)).toEqual([
    { name: 'unknown_counts', labels: { name: 'runs_creatde' }, value: 1 },
    { name: 'unknown_counts', labels: { name: 'constructor' }, value: 1 },
    { name: 'unknown_counts', labels: { name: 'polls' }, value: 2 },
    { name: 'unknown_counts', labels: { name: 'runs_created' }, value: 1 },
  ]);
});

test('a count with a label too many is unknown, also where the rest names a series that was counted', async () => {
  const metrics = openMetrics();
  metrics.count('polls', { backend: 'a', result: 'ok' });
  metrics.count('polls', { backend: 'a', result: 'ok', kind: 'b' });
  metrics.count('polls', { backend: 'a', constructor: 'ok' });
  expect(await readSeries(metrics)).toEqual([
    { name: 'polls', labels: { backend: 'a', result: 'ok' }, value: 1 },
    { name: 'unknown_counts', labels: { name: 'polls' }, value: 2 },
  ]);
});

test('values that are the same when written one after the other are counted apart', async () => {
  const metrics = openMetrics();
  for (const [backend, result] of [
    ['a', '1:b'],
    ['a1:', 'b'],
    ['a', '1:b'],
  ] as const)
    metrics.count('polls', { backend, result });
  expect((await readSeries(metrics)).map(({ labels, value }) => [labels.backend, labels.result, value])).toEqual([
    ['a', '1:b', 2],
    ['a1:', 'b', 1],
  ]);
});

test('a counter keeps a bounded number of series and loses no count', async () => {
  const metrics = openMetrics();
  for (let n = 0; n < 1500; n++) metrics.count('unmapped_status', { agent: `agent-${n}` });
  metrics.count('unmapped_status', { agent: 'agent-0' });
  const series = await readSeries(metrics);
  expect(series).toHaveLength(1001);
  expect(series.find(({ labels }) => labels.agent === 'other')?.value).toBe(500);
  expect(series.find(({ labels }) => labels.agent === 'agent-0')?.value).toBe(2);
  expect(series.reduce((sum, { value }) => sum + value, 0)).toBe(1501);
});

test('metrics are rendered as Prometheus reads them, with every counter described', async () => {
  const metrics = openMetrics();
  metrics.count('unmapped_status', { agent: 'a"b\\c\nd' });
  metrics.count('streams_opened');
  const { contentType, text } = await metrics.render();
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(text).toContain('# HELP rungate_streams_opened_total Event streams that were opened.\n');
  expect(text).toContain('# TYPE rungate_streams_opened_total counter\nrungate_streams_opened_total 1\n');
  // A counter without labels is there before it is first counted.
  expect(text).toContain('\nrungate_runs_created_total 0\n');
  expect(text).toContain('\nrungate_unmapped_status_total{agent="a\\"b\\\\c\\nd"} 1\n');
  expect(text.match(/^# TYPE rungate_\w+_total counter$/gm)).toHaveLength(Object.keys(counters).length);
  expect(text.endsWith('\n')).toBe(true);
});

test('metrics of the process are included where they are asked for, and each gateway counts for itself', async () => {
  const [first, second] = [true, true].map((processMetrics) => createMetrics({ processMetrics }));
  first?.count('runs_created');
  const texts = await Promise.all([first, second].map(async (each) => (await each?.render())?.text));
  for (const text of texts) {
    expect(text).toMatch(/^process_cpu_seconds_total \d/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds \d/m);
  }
  expect(texts[0]).toContain('\nrungate_runs_created_total 1\n');
  expect(texts[1]).toContain('\nrungate_runs_created_total 0\n');
  expect((await openMetrics().render()).text).not.toContain('process_');
});

test('the counter table holds every counter that a room counts, and no other', () => {
  const root = resolve(import.meta.dirname, '../../src');
  const counted = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(join(root, file), 'utf8').matchAll(/metrics\??\.count\(\s*'(\w+)'/g)])
    .map((match) => match[1]);
  expect(counted).toContain('runs_created');
  expect([...new Set(counted)].filter((name) => name === undefined || !Object.hasOwn(counters, name))).toEqual([]);
  // A counter that is never counted would stand at zero for ever and mislead its reader.
  expect(Object.keys(counters).filter((name) => !counted.includes(name))).toEqual(['unknown_counts']);
});

test('the histogram table holds every histogram that a room observes, and no other', () => {
  const root = resolve(import.meta.dirname, '../../src');
  const observed = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(join(root, file), 'utf8').matchAll(/metrics\??\.observe\(\s*'(\w+)'/g)])
    .map((match) => match[1]);
  expect([...new Set(observed)].toSorted()).toEqual(Object.keys(histograms).toSorted());
});

test('a histogram counts values by bucket, and a value of a clock that was set back as zero', async () => {
  const metrics = openMetrics();
  metrics.observe('run_queue_seconds', 0.002, { backend: 'a' });
  metrics.observe('run_queue_seconds', -3, { backend: 'a' });
  metrics.observe('run_queue_seconds', 100_000, { backend: 'a' });
  const { text } = await metrics.render();
  expect(text).toContain('# TYPE rungate_run_queue_seconds histogram\n');
  expect(text).toContain('\nrungate_run_queue_seconds_bucket{le="0.001",backend="a"} 1\n');
  expect(text).toContain('\nrungate_run_queue_seconds_bucket{le="3600",backend="a"} 2\n');
  expect(text).toContain('\nrungate_run_queue_seconds_bucket{le="+Inf",backend="a"} 3\n');
  expect(text).toContain('\nrungate_run_queue_seconds_sum{backend="a"} 100000.002\n');
});

test('a value under a wrong name or with wrong labels does not throw and is shown in unknown_counts', async () => {
  const metrics = openMetrics();
  metrics.observe('run_queue', 1, { backend: 'a' });
  metrics.observe('run_queue_seconds', 1);
  expect(await readSeries(metrics)).toEqual([
    { name: 'unknown_counts', labels: { name: 'run_queue' }, value: 1 },
    { name: 'unknown_counts', labels: { name: 'run_queue_seconds' }, value: 1 },
  ]);
});

test('the OpenMetrics form has the trace of a sampled request as an exemplar, and the plain form has none', async () => {
  const metrics = openMetrics();
  const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
  metrics.observe('run_queue_seconds', 0.002, { backend: 'a' }, { traceparent: `00-${traceId}-${spanId}-01` });
  metrics.observe('run_queue_seconds', 0.2, { backend: 'a' }, { traceparent: `00-${'1'.repeat(32)}-${spanId}-00` });
  const { contentType, text } = await metrics.render([], 'openmetrics');
  expect(contentType).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
  expect(text).toContain(
    `rungate_run_queue_seconds_bucket{le="0.0025",backend="a"} 1 # {trace_id="${traceId}",span_id="${spanId}"} 0.002`,
  );
  expect(text.trimEnd().endsWith('# EOF')).toBe(true);
  expect(text).not.toContain('1111');
  const plain = await metrics.render();
  expect(plain.contentType).toMatch(/^text\/plain/);
  expect(plain.text).not.toContain(traceId);
});

test('a gauge shows what was read last, and nothing of what was there before', async () => {
  const metrics = openMetrics();
  const reading = { name: 'backend_accounts', labels: { backend: 'a', state: 'paused' }, value: 2 } as const;
  expect((await metrics.render([reading])).text).toContain('rungate_backend_accounts{backend="a",state="paused"} 2');
  const up = { ...reading, labels: { backend: 'a', state: 'up' }, value: 1 };
  const { text } = await metrics.render([up]);
  expect(text).toContain('rungate_backend_accounts{backend="a",state="up"} 1');
  expect(text).not.toContain('state="paused"');
});
