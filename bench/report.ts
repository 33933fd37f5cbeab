import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Figure, formatNumber, isMet } from './figures.ts';
import type { Machine } from './machine.ts';
import { results } from './places.ts';

export type Report = {
  readonly machine: Machine;
  readonly settings: object;
  readonly tookSeconds: number;
  readonly figures: readonly Figure[];
  readonly skipped: readonly string[];
};

export function isMissed(figure: Figure): boolean {
  return isMet(figure) === false;
}

/** One table, and below it what was not measured. Markdown. */
function printReport({ machine, tookSeconds, figures, skipped }: Report): void {
  const facts = [
    `${machine.processors} x ${machine.processor}, ${machine.memoryGiB} GiB, ${machine.kernel}, Node ${machine.node}`,
    `${machine.fileSystem}, sync ${formatNumber(machine.syncMs)} ms, load ${machine.loadAverage}, commit ${machine.commit}`,
    `took ${Math.round(tookSeconds)} s`,
  ];
  const rows = figures.map((figure) => [
    figure.name,
    formatNumber(figure.value),
    figure.unit,
    figure.bar === undefined ? '' : `${figure.bar.kind} ${formatNumber(figure.bar.value)}`,
    sayMet(figure),
    figure.note ?? '',
  ]);
  const lines = layOut([['figure', 'value', 'unit', 'bar', 'met', 'note'], ...rows]);
  const missed = skipped.map((reason) => `- skipped: ${reason}`);
  process.stdout.write(`${['', ...facts, '', ...lines, '', ...missed].join('\n')}\n`);
}

/** Prints a report and writes it: to the file that is named, or to one by the time in `bench/results`. */
export function publishReport(report: Report, named?: string): void {
  printReport(report);
  process.stdout.write(`\nwritten: ${writeReport(report, named)}\n`);
}

function writeReport(report: Report, named?: string): string {
  mkdirSync(results, { recursive: true });
  const file = named ?? join(results, `${report.machine.at.replaceAll(':', '-')}.json`);
  const figures = report.figures.map((figure) => ({ ...figure, met: isMet(figure) }));
  // Where the report was written says nothing about what was measured, and reports are kept.
  const settings = { ...report.settings, json: undefined };
  writeFileSync(file, `${JSON.stringify({ ...report, settings, figures }, null, 2)}\n`);
  return file;
}

function sayMet(figure: Figure): string {
  const met = isMet(figure);
  return met === null ? '' : met ? 'yes' : 'NO';
}

function layOut([head = [], ...rows]: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join(' | ')} |`;
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)];
}
