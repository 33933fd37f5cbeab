import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clients } from './clients.ts';
import { describeOutcome, judgeCall, type Seen } from './judge.ts';
import type { Outcome } from './outcome.ts';
import { reasons } from './reasons.ts';

export type Row = {
  readonly call: string;
  readonly python: string;
  readonly javascript: string;
  readonly rungate: string;
  /** Numbers of the reasons, from 1. */
  readonly reasons: readonly number[];
};

export type ClientReport = {
  readonly title: string;
  /** Clients of one library, whose calls are the same. */
  readonly library: string;
  readonly rows: readonly Row[];
};

/** What one run of all clients came to, as it is kept in `outcomes.json`. */
export type Report = {
  readonly at: string;
  readonly clients: readonly ClientReport[];
  readonly reasons: readonly string[];
  /** Differences that no reason explains, with client and call. */
  readonly unexplained: readonly string[];
};

export type SeenByServer = Readonly<Partial<Record<keyof Seen, readonly Outcome[]>>>;

export const reportFile = join(import.meta.dirname, 'outcomes.json');

export function readReport(): Report {
  return JSON.parse(readFileSync(reportFile, 'utf8'));
}

/** Compares what the calls of each client came to, by the client's name. */
export function makeReport(all: Readonly<Record<string, SeenByServer>>, at: string): Report {
  const unexplained: string[] = [];
  const reports = clients.flatMap(({ name, title, library }) => {
    const seen = all[name];
    if (seen === undefined) return [];
    const calls = (seen.python ?? seen.rungate ?? []).map(({ call }) => call);
    const rows = calls.map((call, index) => {
      const outcomes: Seen = {
        ...pick('python', seen, index),
        ...pick('javascript', seen, index),
        ...pick('rungate', seen, index),
      };
      const verdict = judgeCall(name, call, outcomes);
      unexplained.push(...verdict.unexplained.map((difference) => `${name} ${call}: ${difference}`));
      return {
        call,
        python: describeOutcome(outcomes.python),
        javascript: describeOutcome(outcomes.javascript),
        rungate: describeOutcome(outcomes.rungate),
        reasons: verdict.reasons.map((reason) => reasons.indexOf(reason) + 1).toSorted((a, b) => a - b),
      };
    });
    return [{ title, library, rows }];
  });
  return { at, clients: reports, reasons: reasons.map(({ text }) => text), unexplained };
}

function pick(server: keyof Seen, seen: SeenByServer, index: number): Seen {
  const outcome = seen[server]?.[index];
  return outcome === undefined ? {} : { [server]: outcome };
}
