import { formatTable } from '../schema/generate/markdown.ts';
import { formatNumber } from './figures.ts';
import { type BenchReport, figureOf } from './page/reports.ts';

/** What one run costs, as measured. */
export type ScaleInputs = {
  /** Processor time of a whole run with one poll: at the gateway on SQLite, at the gateway on PostgreSQL, at the database. */
  readonly sqliteRunMicros: number;
  readonly gatewayRunMicros: number;
  readonly databaseRunMicros: number;
  readonly pollMicros: number;
  readonly restBytes: number;
  readonly liveRunBytes: number;
};

/** A fleet of runs in its steady state. */
export type Fleet = { readonly finishedPerSecond: number; readonly meanSeconds: number };

export type Need = {
  readonly liveRuns: number;
  readonly pollsPerSecond: number;
  /** Of one process on SQLite, as a share of its core. */
  readonly sqliteShare: number;
  readonly replicas: number;
  readonly bytesPerReplica: number;
  /** Cores that the database must have. */
  readonly databaseCores: number;
  readonly databases: number;
};

/** An agent with history and without a watcher, log-normal durations: see the table of `npm run bench:pacing`. */
const pollsPerRun = 3.1;
/** A replica and a database are planned at half of what they can do: bursts and a dead neighbour's runs take the rest. */
const planned = 0.5;
/** A replica has one main thread; its helpers take part of another core. */
const coresPerReplica = 1;
/** The largest server that the model gives to one database. Beyond it the runs are sharded. */
const maxDatabaseCores = 32;
const minReplicas = 2;
const micros = 1e-6;

/** Linear in the number of runs: neither store gets slower with the runs that it holds. */
export function planFleet(inputs: ScaleInputs, { finishedPerSecond, meanSeconds }: Fleet): Need {
  const liveRuns = finishedPerSecond * meanSeconds;
  const pollsPerSecond = finishedPerSecond * pollsPerRun;
  // The measured run has one poll in it.
  const morePolls = finishedPerSecond * (pollsPerRun - 1) * inputs.pollMicros * micros;
  const gatewayCores = finishedPerSecond * inputs.gatewayRunMicros * micros + morePolls;
  const replicas = Math.max(minReplicas, Math.ceil(gatewayCores / (coresPerReplica * planned)));
  const databaseCores = Math.ceil((finishedPerSecond * inputs.databaseRunMicros * micros) / planned);
  return {
    liveRuns,
    pollsPerSecond,
    sqliteShare: finishedPerSecond * inputs.sqliteRunMicros * micros + morePolls,
    replicas,
    bytesPerReplica: inputs.restBytes + (liveRuns / replicas) * inputs.liveRunBytes,
    databaseCores: Math.max(1, databaseCores),
    databases: Math.ceil(databaseCores / maxDatabaseCores) || 1,
  };
}

export function scaleInputsOf(bench: BenchReport, postgres: BenchReport): ScaleInputs {
  const restBytes = figureOf(bench, 'start: resident at rest, package') * 1e6;
  const liveBytes = figureOf(bench, 'start: resident with 10000 live runs') * 1e6;
  return {
    sqliteRunMicros: figureOf(bench, 'whole run, CPU each'),
    gatewayRunMicros: figureOf(postgres, 'gateway 200, CPU in front'),
    databaseRunMicros: figureOf(postgres, 'gateway 200, CPU of the server'),
    pollMicros: figureOf(bench, 'polls: CPU each'),
    restBytes,
    liveRunBytes: (liveBytes - restBytes) / 10_000,
  };
}

const sizes = [1000, 10_000, 100_000];
const lengthsSeconds = [60, 3600];

/** The sections of `docs/scale.md`. */
export function layOutScale(inputs: ScaleInputs): Readonly<Record<string, string>> {
  const live = lengthsSeconds.flatMap((meanSeconds) =>
    sizes.map((size) => ({ finishedPerSecond: size / meanSeconds, meanSeconds })),
  );
  const finished = sizes.map((finishedPerSecond) => ({ finishedPerSecond, meanSeconds: 60 }));
  return {
    inputs: formatTable(
      ['what', 'measured'],
      [
        ['a whole run with one poll: gateway on SQLite', `${formatNumber(inputs.sqliteRunMicros)} us`],
        ['the same on PostgreSQL: gateway', `${formatNumber(inputs.gatewayRunMicros)} us`],
        ['the same on PostgreSQL: all processes of the server', `${formatNumber(inputs.databaseRunMicros)} us`],
        ['one more poll', `${formatNumber(inputs.pollMicros)} us`],
        ['memory of a replica at rest', `${formatNumber(inputs.restBytes / 1e6)} MB`],
        ['memory of a live run', `${formatNumber(inputs.liveRunBytes / 1000)} kB`],
      ],
    ),
    live: layOutFleets(inputs, live),
    finished: layOutFleets(inputs, finished),
  };
}

function layOutFleets(inputs: ScaleInputs, fleets: readonly Fleet[]): string {
  const rows = fleets.map((fleet) => {
    const need = planFleet(inputs, fleet);
    return [
      formatNumber(Math.round(need.liveRuns)),
      `${fleet.meanSeconds} s`,
      formatNumber(fleet.finishedPerSecond),
      formatNumber(need.pollsPerSecond),
      need.sqliteShare <= planned ? `yes, ${formatNumber(need.sqliteShare * 100)} %` : 'no',
      `${formatNumber(need.replicas)} with ${formatNumber(need.bytesPerReplica / 1e6)} MB`,
      sayDatabase(need),
    ];
  });
  const head = [
    'live runs',
    'of',
    'ends a second',
    'polls a second',
    'one process on SQLite',
    'replicas',
    'PostgreSQL',
  ];
  return formatTable(head, rows);
}

function sayDatabase({ databaseCores, databases }: Need): string {
  if (databases === 1) return databaseCores === 1 ? '1 core' : `${databaseCores} cores`;
  return `${databases} shards of ${Math.ceil(databaseCores / databases)} cores`;
}
