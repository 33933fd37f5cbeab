/** Everything that a torture found out. Names are those of the table and of the JSON line. */
export type Report = {
  readonly rounds: number;
  readonly seed: number;
  readonly store: string;
  readonly replicas: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly 'started twice': number;
  readonly stuck: number;
  readonly 'wrong output': number;
  readonly 'streams with a gap or a repeat': number;
  /** Milliseconds. */
  readonly 'recovery p50/p99': readonly [p50: number | null, p99: number | null];
  /** The part of it that a process needs until it listens; milliseconds. */
  readonly 'boot p50/p99': readonly [p50: number | null, p99: number | null];
  readonly 'recovery samples': number;
  /** Runs that no gateway had polled when the wait for their recovery ended. */
  readonly 'recovery given up': number;
  /** Runs that were taken over in time, and that nothing but their vendor's call can bring forward. */
  readonly "left to a vendor's call": number;
  /** Mean number of runs that were parked in all gateways when a round began. */
  readonly 'parked at a round': number;
  /** Runs that something woke while no gateway was disturbed, and that went on at once. */
  readonly 'woken in time': string;
  /** Those that went on too late. */
  readonly 'woken late': number;
  readonly 'ended as unknown start': number;
  /** Of runs whose vendor could be asked what became of their start. */
  readonly 'results lost': number;
  readonly 'starts with a spoilt answer': number;
  readonly 'kills and pauses': number;
  /** Gateways on an old copy of the database, or on another name of it. */
  readonly 'copies and links refused': number;
  /** Gateways that polled the runs of a copy, after `rungate restore --observe`. */
  readonly 'copies observed': number;
  readonly streams: number;
  readonly 'streams cut': number;
  readonly 'creates without an answer': number;
  readonly 'creates replayed': number;
  readonly 'unexpected answers': number;
  readonly 'died by itself': number;
  readonly seconds: number;
  /** Of the machine, over the last five minutes: what the times above are to be read with. */
  readonly 'load average': number;
  /** What is behind the counts that must be 0, in a few words each. */
  readonly details: readonly string[];
};

/** Whether every promise was kept. */
export function isClean(report: Report): boolean {
  return (
    report.lost === 0 &&
    report['started twice'] === 0 &&
    report.stuck === 0 &&
    report['wrong output'] === 0 &&
    report['streams with a gap or a repeat'] === 0 &&
    report['unexpected answers'] === 0 &&
    report['died by itself'] === 0 &&
    report['woken late'] === 0 &&
    report['recovery given up'] === 0 &&
    report['results lost'] * 1000 <= report.acknowledged
  );
}

/** A table for people, then one line of JSON for programs. */
export function formatReport(report: Report): string {
  const { details, ...rows } = report;
  const width = Math.max(...Object.keys(rows).map((name) => name.length));
  const table = Object.entries(rows).map(([name, value]) => `${name.padEnd(width)}  ${formatCell(value)}`);
  return [...details, '', ...table, '', JSON.stringify(rows), ''].join('\n');
}

function formatCell(value: string | number | readonly (number | null)[]): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  return `${value.map((ms) => ms ?? '-').join(' / ')} ms`;
}
