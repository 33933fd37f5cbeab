import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { counters, createMetrics } from '../../src/observability/metrics.ts';

describe('metrics', () => {
  test('count by name and labels', () => {
    const metrics = createMetrics();
    metrics.count('runs_created');
    metrics.count('runs_created');
    metrics.count('polls', { backend: 'a', result: 'ok' });
    metrics.count('polls', { result: 'ok', backend: 'a' });
    metrics.count('polls', { backend: 'b', result: 'ok' });
    expect(metrics.snapshot()).toEqual([
      { name: 'runs_created', labels: {}, value: 2 },
      { name: 'polls', labels: { backend: 'a', result: 'ok' }, value: 2 },
      { name: 'polls', labels: { backend: 'b', result: 'ok' }, value: 1 },
    ]);
  });

  test('take a wrong name or wrong labels without throwing, and show it', () => {
    const metrics = createMetrics();
    metrics.count('runs_creatde');
    metrics.count('constructor');
    metrics.count('polls', { backend: 'a' });
    metrics.count('polls', { backend: 'a', kind: 'b' });
    metrics.count('runs_created', { backend: 'a' });
    expect(metrics.snapshot()).toEqual([
      { name: 'unknown_counts', labels: { name: 'runs_creatde' }, value: 1 },
      { name: 'unknown_counts', labels: { name: 'constructor' }, value: 1 },
      { name: 'unknown_counts', labels: { name: 'polls' }, value: 2 },
      { name: 'unknown_counts', labels: { name: 'runs_created' }, value: 1 },
    ]);
  });

  test('keep a bounded number of series and lose no count', () => {
    const metrics = createMetrics();
    for (let n = 0; n < 1500; n++) metrics.count('unmapped_status', { agent: `agent-${n}` });
    metrics.count('unmapped_status', { agent: 'agent-0' });
    const samples = metrics.snapshot();
    expect(samples).toHaveLength(1001);
    expect(samples.find((sample) => sample.labels.agent === 'other')?.value).toBe(500);
    expect(samples.find((sample) => sample.labels.agent === 'agent-0')?.value).toBe(2);
  });

  test('render as Prometheus reads them', () => {
    const metrics = createMetrics();
    metrics.count('unmapped_status', { agent: 'a"b\\c\nd' });
    metrics.count('streams_opened');
    const text = metrics.render();
    expect(text).toContain('# HELP rungate_streams_opened_total Event streams that were opened.\n');
    expect(text).toContain('# TYPE rungate_streams_opened_total counter\nrungate_streams_opened_total 1\n');
    expect(text).toContain('\nrungate_runs_created_total 0\n');
    expect(text).toContain('\nrungate_unmapped_status_total{agent="a\\"b\\\\c\\nd"} 1\n');
    expect(text.match(/^# TYPE /gm)).toHaveLength(Object.keys(counters).length);
    expect(text.endsWith('\n') && !text.includes('\n\n')).toBe(true);
  });

  test('have every counter that a room counts in their table, and no other', () => {
    const root = resolve(import.meta.dirname, '../../src');
    const counted = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => [...readFileSync(join(root, file), 'utf8').matchAll(/metrics\??\.count\(\s*'(\w+)'/g)])
      .map((match) => match[1]);
    expect(counted).toContain('runs_created');
    expect([...new Set(counted)].filter((name) => name === undefined || !Object.hasOwn(counters, name))).toEqual([]);
    // What nobody counts stands at zero for ever, and tells who reads it something that is not so.
    expect(Object.keys(counters).filter((name) => !counted.includes(name))).toEqual(['unknown_counts']);
  });
});
