// Prints how the pacing compares with fixed intervals; ends with 1 when a bar is missed. Seeded, on simulated time.
import { pacingSchema } from '../../src/config/sections.ts';
import {
  compareFleet,
  compareTuned,
  fullScale,
  hasHistory,
  maxOfBestCost,
  pollShortAgents,
  type Row,
  sampleAgents,
} from './comparison.ts';

const limits = pacingSchema.parse({});
const unwatched = sampleAgents(fullScale, limits, false);
const watched = sampleAgents(fullScale, limits, true);

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printTable(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  print(`${title}\n`);
  print(line(head));
  print(line(head.map((_, index) => (index === 0 ? '---' : '---:'))));
  for (const row of rows) print(line(row));
  print('');
}

function seconds(durationMs: number): string {
  return (durationMs / 1000).toFixed(2);
}

function cellsOf({ bar, ours, fixed, intervalMs, ratio, pollsRatio }: Row): readonly string[] {
  return [
    bar.durations.name,
    ours.polls.toFixed(2),
    seconds(ours.lagMs),
    seconds(intervalMs),
    fixed.polls.toFixed(2),
    seconds(fixed.lagMs),
    ratio.toFixed(3),
    `${pollsRatio.toFixed(2)} x`,
  ];
}

function verdictOf({ bar, ratio }: Row): readonly string[] {
  return [bar.max.toFixed(2), ratio <= bar.max ? 'met' : 'MISSED'];
}

const head = [
  'durations',
  'polls a run',
  'lag s',
  'interval s',
  'its polls',
  'its lag s',
  'lag ratio',
  'its polls, equal lag',
];
const judged = [true, false].flatMap((learnt) =>
  compareFleet(unwatched.filter((sample) => hasHistory(sample) === learnt)),
);
printTable(
  'Unwatched, against one fixed interval for all agents with history, and one for the agent without. These bars are judged.',
  [...head, 'bar', ''],
  judged.map((row) => [...cellsOf(row), ...verdictOf(row)]),
);
const tuned = compareTuned(unwatched, fullScale, limits);
printTable(
  'Unwatched, against an interval tuned to each agent alone. Best is the least ratio that any poller can reach with the same number of polls: a bar below it cannot be met.',
  [...head, 'best', 'bar', ''],
  tuned.map((row) => [...cellsOf(row), row.bestRatio.toFixed(3), ...verdictOf(row)]),
);
printTable(
  'Watched, against an interval tuned to each agent alone.',
  head,
  compareTuned(watched, fullScale, limits).map(cellsOf),
);
const shortRows = pollShortAgents(fullScale, limits);
printTable(
  'Watched runs of agents that answer at once, always or now and then. These bars are judged.',
  ['durations', 'history', 'polls a run', 'lag ms', 'bar', ''],
  shortRows.map(({ durations, learns, ours, maxLagMs }) => [
    ...[durations.name, learns ? 'yes' : 'no', ours.polls.toFixed(2), ours.lagMs.toFixed(0)],
    ...[String(maxLagMs), ours.lagMs <= maxLagMs ? 'met' : 'MISSED'],
  ]),
);
const late = shortRows.some(({ ours, maxLagMs }) => ours.lagMs > maxLagMs);
const missed = judged.some((row) => row.ratio > row.bar.max);
const astray = tuned.filter(hasHistory).some((row) => row.ofBestCost > maxOfBestCost);
if (missed || astray || late) process.exitCode = 1;
