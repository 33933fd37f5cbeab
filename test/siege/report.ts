import type { PartReport } from './load.ts';

/** One row of the table: what the others met, what the gateway took, what the attacker was answered. */
export type Row = {
  readonly attack: string;
  readonly title: string;
  readonly quiet: PartReport;
  readonly under: PartReport;
  readonly peakMb: number;
  /** Processor time of the longest turn of the gateway's event loop. */
  readonly longestTurnMs: number;
  readonly sent: number;
  /** Of the attack's own answers. */
  readonly faults: readonly string[];
};

export type Report = {
  readonly store: string;
  readonly rows: readonly Row[];
  /** Faults that belong to no part: runs that are gone at the end, runs that were started twice, a gateway that ended. */
  readonly faults: readonly string[];
};

const maxP99Ms = 50;
const maxShare = 3;
const maxPeakMb = 512;
/** Ends are seen by polls, whose pace is counted in hundreds of milliseconds. */
const maxEndMs = 1500;

/** Everything in a row that is not as it should be, in words. */
function findWrong({ quiet, under, peakMb, faults }: Row): readonly string[] {
  const wrong = [...faults, ...quiet.wrong, ...under.wrong];
  const maxMs = Math.max(maxP99Ms, maxShare * quiet.p99Ms);
  if (!(under.p99Ms <= maxMs)) wrong.push(`calls of others: p99 ${ms(under.p99Ms)} ms, beyond ${ms(maxMs)}`);
  const maxEnd = Math.max(maxEndMs, maxShare * quiet.endP99Ms);
  if (!(under.endP99Ms <= maxEnd)) wrong.push(`ends of others: p99 ${ms(under.endP99Ms)} ms, beyond ${ms(maxEnd)}`);
  if (peakMb > maxPeakMb) wrong.push(`resident memory of ${peakMb} MiB, beyond ${maxPeakMb}`);
  const lost = under.runs - under.ended + (quiet.runs - quiet.ended);
  if (lost > 0) wrong.push(`${lost} runs of others did not end as they should`);
  return wrong;
}

export function isHeld(report: Report): boolean {
  return report.faults.length === 0 && report.rows.every((row) => findWrong(row).length === 0);
}

/** A table, and below it what is wrong. */
export function formatReport(report: Report): string {
  const lines = [`store ${report.store}`, '', ...table([heads, ...report.rows.map(cellsOf)]), ''];
  for (const row of report.rows) for (const words of findWrong(row)) lines.push(`${row.attack}: ${words}`);
  for (const words of report.faults) lines.push(words);
  lines.push(isHeld(report) ? 'the walls hold' : 'the walls do not hold', '');
  return lines.join('\n');
}

const heads = [
  'attack',
  '',
  'blows',
  'calls p50 quiet',
  'under',
  'p99 quiet',
  'under',
  'ends p99 quiet',
  'under',
  'peak MiB',
  'longest turn',
  'runs ended',
  'holds',
];

function cellsOf(row: Row): readonly string[] {
  const { attack, title, quiet, under, peakMb, longestTurnMs, sent } = row;
  const times = [quiet.p50Ms, under.p50Ms, quiet.p99Ms, under.p99Ms, quiet.endP99Ms, under.endP99Ms];
  const ended = `${under.ended} of ${under.runs}`;
  const holds = findWrong(row).length === 0 ? 'yes' : 'NO';
  return [attack, title, String(sent), ...times.map(ms), String(peakMb), ms(longestTurnMs), ended, holds];
}

function ms(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
