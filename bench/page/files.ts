import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../places.ts';
import { layOutScale, scaleInputsOf } from '../scale.ts';
import { type BenchReport, type DurableReport, readBenchReport, readDurableReport } from './reports.ts';
import { drawDurable, drawJudged, judgedOf, layOutBars, layOutDurable } from './tables.ts';

const performancePage = 'docs/performance.md';
const scalePage = 'docs/scale.md';

/** The pages and pictures that the reports make, by path below the root. */
export function renderPages(): Readonly<Record<string, string>> {
  const [bench, short, postgres, ...others] = (['bench', 'short', 'postgres', 'finished', 'dev-server'] as const).map(
    readBenchReport,
  );
  const [durable, keyed] = (['durable', 'durable-keyed'] as const).map(readDurableReport);
  const reports = [bench, short, postgres, ...others].filter((each): each is BenchReport => each != null);
  const judged = judgedOf(reports);
  const sections: Record<string, string> = { bars: `${when(reports)}\n\n${layOutBars(judged)}` };
  const pictures: Record<string, string> = {};
  const under = [durable, keyed].filter((each): each is DurableReport => each != null);
  pictures['docs/plots/bars.svg'] = drawJudged(judged, 'Figures as shares of their bars: left of the line is met');
  if (durable) sections.durable = `${whenDurable(durable)}\n\n${layOutDurable(durable)}`;
  if (keyed) sections['durable-keyed'] = layOutDurable(keyed);
  if (under.length > 0) pictures['docs/plots/durable.svg'] = drawDurable(under);
  const pages: Record<string, string> = { [performancePage]: fill(performancePage, sections) };
  if (bench && postgres) pages[scalePage] = fill(scalePage, layOutScale(scaleInputsOf(bench, postgres)));
  return { ...pages, ...pictures };
}

function fill(path: string, sections: Readonly<Record<string, string>>): string {
  let text = readFileSync(join(root, path), 'utf8');
  for (const [name, inner] of Object.entries(sections)) text = replaceSection(text, name, inner);
  return text;
}

/**
 * Replaces what stands between the two comments of a name.
 *
 * @throws Error where the text has no such place.
 */
export function replaceSection(text: string, name: string, inner: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`there is no ${begin} with an ${end} after it`);
  return `${text.slice(0, from + begin.length)}\n\n${inner}\n\n${text.slice(to)}`;
}

function when(reports: readonly BenchReport[]): string {
  const days = [...new Set(reports.map(({ machine }) => machine.at.slice(0, 10)))].join(', ');
  const loads = reports.map(({ machine }) => machine.loadAverage);
  const [first] = reports;
  if (first === undefined) return '';
  const { processors, processor } = first.machine;
  return `Measured on ${days}, ${processors} x ${processor}, load average ${Math.min(...loads)} to ${Math.max(...loads)}:`;
}

function whenDurable({ machine, scores }: DurableReport): string {
  const [first] = scores;
  return `Measured on ${machine.at.slice(0, 10)}, ${first?.runs ?? 0} runs and ${first?.kills ?? 0} kills of each engine:`;
}
