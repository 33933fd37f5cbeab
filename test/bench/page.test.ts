import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { renderPages, replaceSection } from '../../bench/page/files.ts';
import { drawBars } from '../../bench/page/svg.ts';
import { judgedOf, layOutBars, layOutDurable, shareOfBar } from '../../bench/page/tables.ts';
import { planFleet } from '../../bench/scale.ts';
import { root } from '../docs/pages.ts';

const machine = { at: '2026-11-27T08:00:00.000Z', commit: 'abc', processor: 'CPU', processors: 2, loadAverage: 1 };
const reportOf = (figures: Parameters<typeof judgedOf>[0][number]['figures']) => {
  return { machine, tookSeconds: 1, figures, skipped: [] };
};

describe('the pages that reports of benchmarks make', () => {
  const pages = renderPages();

  test('reports of benchmarks make two pages and two pictures', () => {
    expect(Object.keys(pages).toSorted()).toEqual([
      'docs/performance.md',
      'docs/plots/bars.svg',
      'docs/plots/durable.svg',
      'docs/scale.md',
    ]);
  });

  test.each(Object.keys(pages))('%s is what npm run bench:page writes', (path) => {
    const file = join(root, path);
    expect(existsSync(file) ? readFileSync(file, 'utf8') : null).toBe(pages[path]);
  });

  test('a section is replaced between its comments, and what stands around it stays', () => {
    const text = 'a\n<!-- x -->\nold\n<!-- end of x -->\nb\n';
    expect(replaceSection(text, 'x', 'new')).toBe('a\n<!-- x -->\n\nnew\n\n<!-- end of x -->\nb\n');
    expect(() => replaceSection(text, 'y', 'new')).toThrow('<!-- y -->');
  });
});

describe('the judged figures of a page', () => {
  const judged = judgedOf([
    reportOf([
      { name: 'rate', value: 0.3, unit: '', bar: { kind: 'at least', value: 0.6 } },
      { name: 'time', value: 10, unit: 'ms', bar: { kind: 'at most', value: 20 } },
      { name: 'unjudged', value: 1, unit: '' },
      { name: 'not measured', value: null, unit: '', bar: { kind: 'at most', value: 20 } },
    ]),
  ]);

  test('only measured figures with a bar are judged, and a share above one is a miss whichever way the bar points', () => {
    expect(judged.map((figure) => [figure.name, shareOfBar(figure)])).toEqual([
      ['rate', 2],
      ['time', 0.5],
    ]);
  });

  test('the table says which bar is missed', () => {
    const rows = layOutBars(judged).split('\n');
    expect(rows.find((row) => row.includes('rate'))).toContain('**missed**');
    expect(rows.find((row) => row.includes('time'))).toMatch(/\| met +\|$/);
  });

  test('a time later than the patience is said as such, fresh from a run and read back from JSON', () => {
    const score = { name: 'E', runs: 1, kills: 1, meanStarts: 1, maxStarts: 1, startedTwice: 0, resultsLost: 0 };
    const showing = (p99Ms: number | null) =>
      layOutDurable({
        settings: { patience: '240' },
        scores: [{ ...score, neverStarted: 0, stuck: 1, p50Ms: 1500, p99Ms }],
        skipped: ['F: not installed'],
      });
    expect(showing(null)).toContain('1.5 s, over 240 s');
    expect(showing(Number.POSITIVE_INFINITY)).toBe(showing(null));
    expect(showing(null)).toContain('Skipped: F: not installed');
  });

  test('a picture has a bar for each row within its frame, and escapes its texts', () => {
    const row = (value: number) => ({ label: 'a < b & c', text: 'x', value, colour: '#000' });
    const axis = { min: 0.1, max: 10, isLogarithmic: true };
    const svg = drawBars({ title: 't', rows: [row(0.001), row(1), row(1000)], axis, mark: { value: 1, name: 'bar' } });
    expect(svg).toContain('a &lt; b &amp; c');
    const bars = [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)" height="14"/g)];
    expect(bars).toHaveLength(3);
    for (const [, x, width] of bars) expect(Number(x) + Number(width)).toBeLessThanOrEqual(1080 - 190);
  });
});

describe('the model of scale', () => {
  const inputs = {
    sqliteRunMicros: 400,
    gatewayRunMicros: 400,
    databaseRunMicros: 200,
    pollMicros: 0,
    restBytes: 100e6,
    liveRunBytes: 10e3,
  };

  test('a small fleet needs two replicas and one core, and one process on SQLite is enough for it', () => {
    const need = planFleet(inputs, { finishedPerSecond: 10, meanSeconds: 60 });
    expect(need).toMatchObject({ liveRuns: 600, replicas: 2, databaseCores: 1, databases: 1, sqliteShare: 0.004 });
    expect(need.bytesPerReplica).toBe(100e6 + 300 * 10e3);
  });

  test('replicas and cores are planned at half of what they can do', () => {
    const need = planFleet(inputs, { finishedPerSecond: 10_000, meanSeconds: 60 });
    expect(need).toMatchObject({ replicas: 8, databaseCores: 4, databases: 1 });
  });

  test('a database beyond 32 cores is sharded', () => {
    const need = planFleet(inputs, { finishedPerSecond: 100_000, meanSeconds: 60 });
    expect(need).toMatchObject({ databaseCores: 40, databases: 2 });
  });

  test('polls beyond the one that a measured run has in it cost the gateway their own time', () => {
    const need = planFleet({ ...inputs, pollMicros: 100 }, { finishedPerSecond: 10_000, meanSeconds: 60 });
    expect(need.pollsPerSecond).toBe(31_000);
    expect(need.replicas).toBe(Math.ceil((4 + 2.1) / 0.5));
  });
});
