import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { installServer } from '../vendors/peers/packages.ts';

/** A run of one of the suites: its version, and what of it is asked for. */
export type Suite = { readonly title: string; readonly version: string; readonly args: readonly string[] };

export const suites: readonly Suite[] = [
  { title: '2025-11-25 by 0.1.16', version: '0.1.16', args: [] },
  { title: '2025-11-25', version: '0.2.0-alpha.12', args: ['--requirements', '2025-11-25'] },
  { title: '2026-07-28', version: '0.2.0-alpha.12', args: ['--requirements', '2026-07-28'] },
];

const withinMs = 240_000;
const checksSchema = z.array(
  z.looseObject({ id: z.string(), status: z.string(), errorMessage: z.string().optional() }),
);
const expectedSchema = z.array(
  z.strictObject({
    reason: z.string(),
    /** Whole scenarios. */
    scenarios: z.array(z.string()).default([]),
    /** Checks of other scenarios. */
    checks: z.array(z.string()).default([]),
  }),
);

export type SuiteReport = {
  readonly suite: Suite;
  /** Scenarios without a failure. */
  readonly passed: readonly string[];
  /** Scenarios with failures that the file explains. */
  readonly expected: readonly string[];
  readonly checks: { readonly passed: number; readonly expected: number };
  /** What failed and should not have, and what is in the file and did not fail in any suite. */
  readonly wrong: readonly string[];
  readonly used: ReadonlySet<string>;
};

const expectedFailures = expectedSchema.parse(
  parse(readFileSync(join(import.meta.dirname, 'expected-failures.yaml'), 'utf8')),
);

/** Runs a suite against a server. Its exit code is not looked at: each check is. */
export async function runSuite(suite: Suite, url: string): Promise<SuiteReport> {
  const installed = installServer({ from: 'npm', names: [`@modelcontextprotocol/conformance@${suite.version}`] });
  if ('unavailable' in installed) throw new Error(installed.unavailable);
  const out = mkdtempSync(join(tmpdir(), 'rungate-mcp-'));
  const script = join(installed.directory, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
  const args = [script, 'server', '--url', url, ...suite.args];
  const own = ['--output-dir', join(out, 'results')];
  try {
    await new Promise<void>((resolve) => {
      execFile(process.execPath, [...args, ...own], { cwd: out, timeout: withinMs }, () => resolve());
    });
    return judge(suite, join(out, 'results'));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function judge(suite: Suite, results: string): SuiteReport {
  const [passed, expected, wrong]: string[][] = [[], [], []];
  const used = new Set<string>();
  const counts = { passed: 0, expected: 0 };
  for (const folder of readdirSync(results)) {
    const scenario = folder.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    const checks = checksSchema.parse(JSON.parse(readFileSync(join(results, folder, 'checks.json'), 'utf8')));
    const failed = checks.filter(({ status }) => status === 'FAILURE');
    counts.passed += checks.filter(({ status }) => status === 'SUCCESS').length;
    for (const { id, errorMessage = '' } of failed) {
      const row = expectedFailures.find(
        ({ scenarios, checks: ids }) => scenarios.includes(scenario) || ids.includes(id),
      );
      if (row === undefined) wrong?.push(`${scenario}: ${id}: ${errorMessage.slice(0, 300)}`);
      else counts.expected += 1;
      for (const each of [scenario, id]) used.add(each);
    }
    if (failed.length === 0) passed?.push(scenario);
    else expected?.push(scenario);
  }
  if (passed?.length === 0) wrong?.push('no scenario has passed');
  return { suite, passed: passed ?? [], expected: expected ?? [], checks: counts, wrong: wrong ?? [], used };
}

/** Names in the file that stand for no failure any more. */
export function findStale(reports: readonly SuiteReport[]): readonly string[] {
  const names = expectedFailures.flatMap(({ scenarios, checks }) => [...scenarios, ...checks]);
  return names.filter((name) => !reports.some(({ used }) => used.has(name)));
}
