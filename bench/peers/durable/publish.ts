import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '../../machine.ts';
import { layOutDurable } from '../../page/tables.ts';
import { results } from '../../places.ts';
import type { Score } from './score.ts';

export type Report = {
  readonly machine: Machine;
  readonly settings: { readonly keyed: boolean; readonly patience: string };
  readonly tookSeconds: number;
  readonly scores: readonly Score[];
  readonly skipped: readonly string[];
};

/** Prints the table, and writes the report into the file that is named, or one by the time in `bench/results`. */
export function publish(report: Report, named?: string): void {
  mkdirSync(results, { recursive: true });
  const file = named ?? join(results, `durable-${report.machine.at.replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\n${layOutDurable(report)}\n\nwritten: ${file}\n`);
}
