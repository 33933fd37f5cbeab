import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../../../bench/places.ts';
import { renderPages } from './page.ts';
import { reasons } from './reasons.ts';
import { readReport } from './report.ts';

describe("the calls of LangGraph's clients", async () => {
  const report = readReport();
  const pages = await renderPages(report);

  test.each(Object.keys(pages))('%s is what npm run test:langgraph -- --write writes', (path) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(pages[path]);
  });

  test("the reasons of the report of LangGraph's clients are those of the code", () => {
    expect(report.reasons).toEqual(reasons.map(({ text }) => text));
  });

  test("a call that works at one of LangGraph's servers works here or has a reason", () => {
    const failed = report.clients
      .flatMap(({ rows }) => rows)
      .filter(({ python, javascript, rungate }) => rungate !== 'ok' && (python === 'ok' || javascript === 'ok'));
    expect(failed.filter((row) => row.reasons.length === 0)).toEqual([]);
    expect(failed.length).toBeGreaterThan(0);
  });

  test("no difference from LangGraph's servers is without a reason", () => {
    expect(report.unexplained).toEqual([]);
  });

  test("every reason explains a call of LangGraph's clients", () => {
    const used = new Set(report.clients.flatMap(({ rows }) => rows.flatMap((row) => row.reasons)));
    expect([...used].toSorted((a, b) => a - b)).toEqual(report.reasons.map((_text, index) => index + 1));
  });
});
