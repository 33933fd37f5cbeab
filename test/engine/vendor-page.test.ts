import { expect, test } from 'vitest';
import { vendorPageOf } from '../../src/engine/admin/run-reports.ts';

const template = 'https://console.vendor.example/{workflowId}/runs/{runId}?tab={runId}#{runId}';

test("the vendor's page of a run has its ids in the place of their names", () => {
  expect(vendorPageOf(template, { runId: 'r 1', workflowId: 'w' })).toBe(
    'https://console.vendor.example/w/runs/r%201?tab=r%201#r%201',
  );
});

test('no id of a vendor leads to another host or another page, whatever is in it', () => {
  const ids = [
    'a/b',
    '../..',
    '//evil.example',
    '\\\\evil',
    '?x=1',
    '#x',
    '@evil',
    '%2e%2e',
    'a\n',
    '$&',
    '\ud800',
    '{runId}',
  ];
  for (const runId of ids) {
    const url = new URL(vendorPageOf('https://console.vendor.example/runs/{runId}', { runId }) ?? '');
    expect([url.origin, url.pathname.split('/').length, url.search, url.hash, url.username]).toEqual([
      ...['https://console.vendor.example', 3, '', '', ''],
    ]);
    expect(decodeURIComponent(url.pathname.slice('/runs/'.length))).toBe(runId.toWellFormed());
  }
});

test("a run without one of the ids, or with one that is a step in a path, has no vendor's page", () => {
  for (const runId of ['', '.', '..']) expect(vendorPageOf('https://v.example/{runId}/x', { runId })).toBe(null);
  expect(vendorPageOf(template, { runId: 'r' })).toBe(null);
  expect(vendorPageOf('https://v.example/{constructor}', { runId: 'r' })).toBe(null);
});
