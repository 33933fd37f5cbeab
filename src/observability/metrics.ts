import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, type RegistryContentType } from 'prom-client';
import type { Metrics } from '../contract/domain/log.ts';
import type { TraceContext } from '../contract/domain/trace.ts';
import {
  type CounterName,
  counters,
  type GaugeReading,
  gauges,
  type HistogramName,
  histograms,
} from './metric-tables.ts';

type Labels = Readonly<Record<string, string>>;

/** What `/metrics` answers with. */
export type MetricsPage = { readonly contentType: string; readonly text: string };

export interface MetricsRegistry extends Metrics {
  /** `readings` are the gauges as they stand. The OpenMetrics form has exemplars, the ids of traces. */
  render(readings?: readonly GaugeReading[], form?: 'prometheus' | 'openmetrics'): Promise<MetricsPage>;
}

export type MetricsOptions = {
  /** Includes the process's memory, processor time, event loop delay and garbage collection. */
  readonly processMetrics: boolean;
};

/** Series of one metric; past it, new label values are counted as `other`, so that no input can fill the memory. */
const maxSeries = 1000;

/** Counters and histograms that start at zero and live as long as the gateway, in a registry of its own. */
export function createMetrics({ processMetrics }: MetricsOptions): MetricsRegistry {
  // prom-client makes exemplars only in a registry of this form; the page is rendered in the form that is asked for.
  const register = new Registry<RegistryContentType>();
  register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const counted = new Map(
    entriesOf(counters).map(([name, { help, labels }]) => {
      const counter = new Counter({ name: `rungate_${name}_total`, help, labelNames: labels, registers: [register] });
      return [name, { series: new BoundedSeries(labels), counter }] as const;
    }),
  );
  const observed = new Map(
    entriesOf(histograms).map(([name, { help, labels, buckets }]) => {
      const histogram = new Histogram({
        ...{ name: `rungate_${name}`, help, labelNames: labels, buckets: [...buckets], registers: [register] },
        enableExemplars: true,
      });
      return [name, { series: new BoundedSeries(labels), histogram }] as const;
    }),
  );
  const shown = new Map(
    entriesOf(gauges).map(([name, { help, labels }]) => [
      name,
      new Gauge({ name: `rungate_${name}`, help, labelNames: labels, registers: [register] }),
    ]),
  );
  if (processMetrics) collectDefaultMetrics({ register });

  // A wrong name is a mistake of ours and must not break the run that it counts.
  function countUnknown(name: string): void {
    counted.get('unknown_counts')?.counter.inc({ name });
  }

  return {
    count: (name, labels = {}) => {
      const found = counted.get(name as CounterName);
      const bounded = found?.series.bound(labels);
      if (found === undefined || bounded === undefined) return countUnknown(name);
      found.counter.inc(bounded);
    },
    observe: (name, value, labels = {}, trace) => {
      const found = observed.get(name as HistogramName);
      const bounded = found?.series.bound(labels);
      if (found === undefined || bounded === undefined) return countUnknown(name);
      // A clock that is set back makes no run end before its beginning.
      const positive = Math.max(0, value);
      found.histogram.observe({ labels: bounded, value: positive, exemplarLabels: exemplarOf(trace) });
    },
    render: async (readings = [], form = 'prometheus') => {
      for (const gauge of shown.values()) gauge.reset();
      for (const { name, labels, value } of readings) shown.get(name)?.set(labels, value);
      const contentType = form === 'openmetrics' ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
      register.setContentType(contentType);
      return { contentType, text: await register.metrics() };
    },
  };
}

const noLabels: Labels = {};

/** Only a trace that is sampled can be looked up. */
function exemplarOf(trace: TraceContext | undefined): Labels {
  if (trace === undefined) return noLabels;
  const [, traceId = '', spanId = '', flags = '0'] = trace.traceparent.split('-');
  return (Number.parseInt(flags, 16) & 1) === 1 ? { trace_id: traceId, span_id: spanId } : noLabels;
}

/** A series, and those whose labels begin with the same values, by the value that comes next. */
type Seen = { labels: Labels | null; readonly byValue: Map<string, Seen> };

/** At most {@link maxSeries} combinations of label values, and one more for all others together. */
class BoundedSeries {
  readonly #labels: readonly string[];
  readonly #others: Labels;
  /** Nearly every count is of a series that is known. */
  readonly #seen: Seen = { labels: null, byValue: new Map() };
  #size = 0;

  constructor(labels: readonly string[]) {
    this.#labels = labels;
    this.#others = Object.fromEntries(labels.map((label) => [label, 'other']));
  }

  /** The labels to count under; undefined for labels that the metric does not have. */
  bound(labels: Labels): Labels | undefined {
    let given = 0;
    for (const label in labels) given += Object.hasOwn(this.#others, label) ? 1 : Number.NaN;
    if (given !== this.#labels.length) return undefined;
    let seen: Seen | undefined = this.#seen;
    for (const label of this.#labels) {
      const value = labels[label];
      if (value === undefined) return undefined;
      seen = seen?.byValue.get(value);
    }
    return seen?.labels ?? this.#add(labels);
  }

  #add(labels: Labels): Labels {
    if (this.#size >= maxSeries) return this.#others;
    this.#size += 1;
    let seen = this.#seen;
    for (const label of this.#labels) {
      const value = labels[label] ?? '';
      const next = seen.byValue.get(value) ?? { labels: null, byValue: new Map() };
      seen.byValue.set(value, next);
      seen = next;
    }
    seen.labels = labels;
    return labels;
  }
}

function entriesOf<Table extends object>(table: Table): [keyof Table, Table[keyof Table]][] {
  return Object.entries(table) as [keyof Table, Table[keyof Table]][];
}
