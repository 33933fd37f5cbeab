import type { Metrics } from '../contract/domain/log.ts';

/** Every counter of the gateway. A count under another name, or with other labels, goes to `unknown_counts`. */
export const counters = {
  runs_created: { help: 'Runs that were accepted.', labels: [] },
  runs_ended: { help: 'Runs that reached their end, by status.', labels: ['status'] },
  starts: { help: 'Attempts to start a run at a backend, by result.', labels: ['backend', 'result'] },
  polls: { help: 'Observations of upstream runs, by result.', labels: ['backend', 'result'] },
  upstream_faults: { help: 'Failed calls to a backend, by kind of fault.', labels: ['backend', 'kind'] },
  unmapped_status: { help: 'Observations whose status the mapping does not know.', labels: ['agent'] },
  streams_opened: { help: 'Event streams that were opened.', labels: [] },
  webhook_attempts: { help: 'Attempts to deliver a webhook, by what came of them.', labels: ['result'] },
  conditional_writes_lost: { help: 'Writes that were refused because the run had changed.', labels: [] },
  unknown_counts: { help: 'Counts under a name or labels outside this table.', labels: ['name'] },
} as const satisfies Readonly<Record<string, { readonly help: string; readonly labels: readonly string[] }>>;

type CounterName = keyof typeof counters;

type Sample = {
  readonly name: CounterName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

export interface CounterRegistry extends Metrics {
  /** All series that were counted, in the order of the table. */
  snapshot(): readonly Sample[];
  /** The Prometheus text format, version 0.0.4. */
  render(): string;
}

/** Series of one counter; past it, new label values are counted as `other`, so that no input can fill the memory. */
const MAX_SERIES = 1000;

type Series = { readonly values: readonly string[]; value: number };

/** Counters that start at zero and live as long as the process. */
export function createMetrics(): CounterRegistry {
  const table = new Map<CounterName, Map<string, Series>>();
  for (const name of names()) table.set(name, new Map());

  function count(name: string, labels: Readonly<Record<string, string>> = {}): void {
    const values = isCounter(name) ? valuesOf(name, labels) : null;
    // A wrong name is a mistake of ours and must not break the run that it counts.
    if (isCounter(name) && values !== null) add(name, values);
    else add('unknown_counts', [name]);
  }

  function add(name: CounterName, values: readonly string[]): void {
    const series = table.get(name);
    if (series === undefined) return;
    const found = series.get(keyOf(values));
    if (found !== undefined) {
      found.value += 1;
      return;
    }
    const bounded = series.size < MAX_SERIES ? values : values.map(() => 'other');
    const overflow = series.get(keyOf(bounded));
    if (overflow !== undefined) overflow.value += 1;
    else series.set(keyOf(bounded), { values: bounded, value: 1 });
  }

  function snapshot(): readonly Sample[] {
    return names().flatMap((name) =>
      [...(table.get(name)?.values() ?? [])].map((series) => ({
        name,
        labels: Object.fromEntries(counters[name].labels.map((label, index) => [label, series.values[index] ?? ''])),
        value: series.value,
      })),
    );
  }

  return { count, snapshot, render: () => renderPrometheus(snapshot()) };
}

function names(): readonly CounterName[] {
  return Object.keys(counters).filter(isCounter);
}

function isCounter(name: string): name is CounterName {
  return Object.hasOwn(counters, name);
}

function valuesOf(name: CounterName, labels: Readonly<Record<string, string>>): readonly string[] | null {
  const expected: readonly string[] = counters[name].labels;
  if (Object.keys(labels).length !== expected.length) return null;
  const values: string[] = [];
  for (const label of expected) {
    const value = labels[label];
    if (value === undefined) return null;
    values.push(value);
  }
  return values;
}

function keyOf(values: readonly string[]): string {
  return JSON.stringify(values);
}

function renderPrometheus(samples: readonly Sample[]): string {
  const lines: string[] = [];
  for (const name of names()) {
    const metric = `rungate_${name}_total`;
    const series = samples.filter((sample) => sample.name === name);
    lines.push(`# HELP ${metric} ${counters[name].help}`, `# TYPE ${metric} counter`);
    // A counter without labels exists before it is first counted; one with labels has no series to show yet.
    if (series.length === 0 && counters[name].labels.length === 0) lines.push(`${metric} 0`);
    for (const { labels, value } of series) lines.push(`${metric}${renderLabels(labels)} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
