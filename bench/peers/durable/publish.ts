import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatNumber } from '../../figures.ts';
import type { Machine } from '../../machine.ts';
import { results } from '../../places.ts';
import type { Score } from './score.ts';

export type DurableReport = {
  readonly machine: Machine;
  readonly settings: { readonly write: boolean; readonly keyed: boolean; readonly patience: string };
  readonly tookSeconds: number;
  readonly scores: readonly Score[];
  readonly skipped: readonly string[];
};

const page = join(import.meta.dirname, '../../../docs/performance.md');

/** Prints the table, writes the report as JSON, and puts the table into the manual where that is wanted. */
export function publish(report: DurableReport): void {
  const table = layOut(report);
  mkdirSync(results, { recursive: true });
  const file = join(results, `durable-${report.machine.at.replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\n${table}\n\nwritten: ${file}\n`);
  if (report.settings.write) {
    const name = report.settings.keyed ? 'durable-keyed' : 'durable';
    writeFileSync(page, replaceBetween(readFileSync(page, 'utf8'), name, table));
  }
}

/** @throws Error where the page has no place of that name. */
function replaceBetween(text: string, name: string, inner: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no ${begin} and ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${inner}\n\n${text.slice(to)}`;
}

function layOut({ machine, scores, skipped, settings }: DurableReport): string {
  const head = ['engine', 'starts a run, mean (max)', 'started twice', 'results lost', 'stuck', 'p50', 'p99'];
  const rows = scores.map((score) => [
    score.name,
    `${score.meanStarts.toFixed(3)} (${score.maxStarts})`,
    String(score.startedTwice),
    String(score.resultsLost),
    String(score.stuck),
    sayTime(score.p50Ms, settings.patience),
    sayTime(score.p99Ms, settings.patience),
  ]);
  const [first] = scores;
  const facts = first ? `${first.runs} runs and ${first.kills} kills an engine` : 'nothing measured';
  const lines = [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows];
  return [
    `${machine.at.slice(0, 10)}, ${facts}:`,
    '',
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
    ...(skipped.length > 0 ? ['', ...skipped.map((reason) => `- Skipped: ${reason}`)] : []),
  ].join('\n');
}

function sayTime(ms: number, patience: string): string {
  return Number.isFinite(ms) ? `${formatNumber(ms / 1000)} s` : `over ${patience} s`;
}
