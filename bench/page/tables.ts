import { formatTable } from '../../schema/generate/markdown.ts';
import { formatNumber } from '../figures.ts';
import type { BenchReport, DurableReport, MeasuredFigure } from './reports.ts';
import { type BarRow, colours, drawBars } from './svg.ts';

type Judged = MeasuredFigure & { readonly value: number; readonly bar: NonNullable<MeasuredFigure['bar']> };

/** The figures that have a bar, of all reports, in their order. */
export function judgedOf(reports: readonly BenchReport[]): readonly Judged[] {
  return reports.flatMap(({ figures }) => figures.filter((figure): figure is Judged => isJudged(figure)));
}

function isJudged({ bar, value }: MeasuredFigure): boolean {
  return bar !== undefined && value !== null;
}

/** Above 1 where the bar is missed, whichever way it points. */
export function shareOfBar({ value, bar }: Judged): number {
  return bar.kind === 'at most' ? value / bar.value : bar.value / value;
}

export function layOutBars(judged: readonly Judged[]): string {
  const rows = judged.map((figure) => [
    figure.name,
    `${formatNumber(figure.value)} ${figure.unit}`.trim(),
    `${figure.bar.kind} ${formatNumber(figure.bar.value)}`,
    shareOfBar(figure) <= 1 ? 'met' : '**missed**',
  ]);
  return formatTable(['figure', 'value', 'bar', ''], rows);
}

export function drawJudged(judged: readonly Judged[], title: string): string {
  const rows = judged.map((figure): BarRow => {
    const isMet = shareOfBar(figure) <= 1;
    const text = `${formatNumber(figure.value)} ${figure.unit} (${figure.bar.kind} ${formatNumber(figure.bar.value)})`;
    return { label: figure.name, text, value: shareOfBar(figure), colour: isMet ? colours.met : colours.missed };
  });
  const axis = { min: 1 / 8, max: 8, isLogarithmic: true };
  return drawBars({ title, rows, axis, mark: { value: 1, name: 'bar' } });
}

/** What it shows of a report, fresh or read back: JSON has null for what is later than the patience. */
type ShownReport = {
  readonly settings: { readonly patience: string };
  readonly scores: Readonly<DurableReport['scores']>;
  readonly skipped: readonly string[];
};

export function layOutDurable({ scores, skipped, settings }: ShownReport): string {
  const late = (ms: number | null): string => {
    return ms === null || !Number.isFinite(ms) ? `over ${settings.patience} s` : `${formatNumber(ms / 1000)} s`;
  };
  const rows = scores.map((score) => [
    score.name,
    `${score.meanStarts.toFixed(3)}, ${score.maxStarts}`,
    String(score.startedTwice),
    String(score.resultsLost),
    String(score.stuck),
    `${late(score.p50Ms)}, ${late(score.p99Ms)}`,
  ]);
  const head = [
    'engine',
    'starts a run: mean, max',
    'started twice',
    'results lost',
    'stuck',
    'final answer: p50, p99',
  ];
  return [formatTable(head, rows), ...skipped.map((reason) => `\nSkipped: ${reason}`)].join('\n');
}

/** Of a hundred runs, those that went wrong in one of three ways. */
export function drawDurable(reports: readonly DurableReport[]): string {
  const rows = reports.flatMap(({ scores }) =>
    scores.flatMap((score): readonly BarRow[] => {
      const share = (count: number): number => (count / score.runs) * 100;
      const row = (what: string, count: number): BarRow => {
        const colour = count === 0 ? colours.met : colours.missed;
        return {
          label: `${score.name}: ${what}`,
          text: `${formatNumber(share(count))} %`,
          value: share(count),
          colour,
        };
      };
      return [row('started twice', score.startedTwice), row('no result', score.resultsLost + score.stuck)];
    }),
  );
  return drawBars({
    title: 'Under the same faults: runs that were started twice, and runs without their result',
    rows,
    axis: { min: 0, max: 25, isLogarithmic: false },
  });
}
