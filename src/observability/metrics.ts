import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Metrics } from '../contract/domain/log.ts';

/**
 * Every counter of the gateway. A count under another name, or with other labels, goes to `unknown_counts`. Histograms
 * get a table of their own next to this one.
 */
export const counters = {
  runs_created: { help: 'Runs that were accepted.', labels: [] },
  runs_ended: { help: 'Runs that reached their end, by status.', labels: ['status'] },
  starts: { help: 'Attempts to start a run at a backend, by result.', labels: ['backend', 'result'] },
  polls: { help: 'Observations of upstream runs, by result.', labels: ['backend', 'result'] },
  held_calls: { help: 'Calls that vendors held in place of polls, by result.', labels: ['backend', 'result'] },
  upstream_faults: { help: 'Failed calls to a backend, by kind of fault.', labels: ['backend', 'kind'] },
  backend_moves: {
    help: 'Runs that were to start at one backend of their agent and go on to another.',
    labels: ['agent', 'from', 'to'],
  },
  unmapped_status: { help: 'Observations whose status the mapping does not know.', labels: ['agent'] },
  streams_opened: { help: 'Event streams that were opened.', labels: [] },
  webhook_attempts: { help: 'Attempts to deliver a webhook, by what came of them.', labels: ['result'] },
  conditional_writes_lost: { help: 'Writes that were refused because the run had changed.', labels: [] },
  unknown_counts: { help: 'Counts under a name or labels outside this table.', labels: ['name'] },
} as const satisfies Readonly<Record<string, { readonly help: string; readonly labels: readonly string[] }>>;

/** Every gauge of the gateway; its value is read when the page is rendered. */
export const gauges = {
  backend_accounts: {
    help: 'Accounts at a backend that are in use or not well, by state: up, paused or down.',
    labels: ['backend', 'state'],
  },
  live_runs: {
    help: 'Runs that this process drives, by how: in a loop, or parked until their next poll.',
    labels: ['form'],
  },
} as const satisfies Readonly<Record<string, { readonly help: string; readonly labels: readonly string[] }>>;

type ReadingOf<Name extends keyof typeof gauges> = {
  readonly name: Name;
  readonly labels: Readonly<Record<(typeof gauges)[Name]['labels'][number], string>>;
  readonly value: number;
};

export type GaugeReading = { [Name in keyof typeof gauges]: ReadingOf<Name> }[keyof typeof gauges];

type CounterName = keyof typeof counters;
type Labels = Readonly<Record<string, string>>;

/** What `/metrics` answers with. */
export type MetricsPage = { readonly contentType: string; readonly text: string };

export interface MetricsRegistry extends Metrics {
  /** `readings` are the gauges as they stand. */
  render(readings?: readonly GaugeReading[]): Promise<MetricsPage>;
}

export type MetricsOptions = {
  /** Includes the process's memory, processor time, event loop delay and garbage collection. */
  readonly processMetrics: boolean;
};

/** Series of one counter; past it, new label values are counted as `other`, so that no input can fill the memory. */
const maxSeries = 1000;

/** Counters that start at zero and live as long as the gateway, in a registry of its own. */
export function createMetrics({ processMetrics }: MetricsOptions): MetricsRegistry {
  const register = new Registry();
  const table = new Map(counterNames().map((name) => [name, new BoundedCounter(name, register)]));
  const shown = new Map(
    Object.entries(gauges).map(([name, { help, labels }]) => [
      name,
      new Gauge({ name: `rungate_${name}`, help, labelNames: labels, registers: [register] }),
    ]),
  );
  if (processMetrics) collectDefaultMetrics({ register });
  return {
    count: (name, labels = {}) => {
      const counter = isCounterName(name) ? table.get(name) : undefined;
      // A wrong name is a mistake of ours and must not break the run that it counts.
      if (counter?.takes(labels)) counter.increment(labels);
      else table.get('unknown_counts')?.increment({ name });
    },
    render: async (readings = []) => {
      for (const gauge of shown.values()) gauge.reset();
      for (const { name, labels, value } of readings) shown.get(name)?.set(labels, value);
      return { contentType: register.contentType, text: await register.metrics() };
    },
  };
}

/** A counter with at most {@link maxSeries} combinations of label values, and one more for all others together. */
class BoundedCounter {
  readonly #counter: Counter;
  readonly #labels: readonly string[];
  readonly #seen = new Set<string>();

  constructor(name: CounterName, register: Registry) {
    const { help, labels } = counters[name];
    this.#labels = labels;
    this.#counter = new Counter({ name: `rungate_${name}_total`, help, labelNames: labels, registers: [register] });
  }

  takes(labels: Labels): boolean {
    return (
      Object.keys(labels).length === this.#labels.length && this.#labels.every((label) => labels[label] !== undefined)
    );
  }

  increment(labels: Labels): void {
    this.#counter.inc(this.#hasPlaceFor(labels) ? labels : this.#others());
  }

  #hasPlaceFor(labels: Labels): boolean {
    if (this.#labels.length === 0) return true;
    const key = JSON.stringify(this.#labels.map((label) => labels[label]));
    if (this.#seen.has(key)) return true;
    if (this.#seen.size >= maxSeries) return false;
    this.#seen.add(key);
    return true;
  }

  #others(): Labels {
    return Object.fromEntries(this.#labels.map((label) => [label, 'other']));
  }
}

function counterNames(): readonly CounterName[] {
  return Object.keys(counters).filter(isCounterName);
}

function isCounterName(name: string): name is CounterName {
  return Object.hasOwn(counters, name);
}
