// Prints how the pacing compares with fixed intervals; ends with 1 when a bar is missed. Seeded, on simulated time.
import { pacingSchema } from '../../src/config/sections.ts';
import { compareFleet, compareTuned, fullScale, hasHistory, type Row, sampleAgents } from './comparison.ts';

const limits = pacingSchema.parse({});
const unwatched = sampleAgents(fullScale, limits, false);
const watched = sampleAgents(fullScale, limits, true);

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  print(line(head));
  print(line(head.map((_, index) => (index === 0 ? '---' : '---:'))));
  for (const row of rows) print(line(row));
  print('');
}

function seconds(durationMs: number): string {
  return (durationMs / 1000).toFixed(2);
}

function cellsOf({ bar, ours, fixed, intervalMs, ratio, pollsRatio }: Row): readonly string[] {
  const times = `${pollsRatio.toFixed(2)} x`;
  return [
    bar.durations.name,
    ours.polls.toFixed(2),
    seconds(ours.lagMs),
    `${seconds(intervalMs)}`,
    fixed.polls.toFixed(2),
    seconds(fixed.lagMs),
    ratio.toFixed(3),
    times,
  ];
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
const fleets = [compareFleet(unwatched.filter(hasHistory)), compareFleet(unwatched.filter((one) => !hasHistory(one)))];
const judged = fleets.flat();
print(`Unwatched, against one fixed interval for the agents with history and one for the agent without\n`);
printTable(
  [...head, 'bar', ''],
  judged.map((row) => [...cellsOf(row), row.bar.most.toFixed(2), row.ratio <= row.bar.most ? 'met' : 'MISSED']),
);
for (const [name, samples] of [
  ['Unwatched', unwatched],
  ['Watched', watched],
] as const) {
  print(`${name}, against an interval tuned to each agent; best: the least ratio that any poller can reach\n`);
  printTable(
    [...head, 'best'],
    compareTuned(samples, fullScale).map((row) => [...cellsOf(row), row.bestRatio.toFixed(3)]),
  );
}
if (judged.some((row) => row.ratio > row.bar.most)) process.exitCode = 1;
