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
      if (found?.series.takes(labels)) found.counter.inc(found.series.bound(labels));
      else countUnknown(name);
    },
    observe: (name, value, labels = {}, trace) => {
      const found = observed.get(name as HistogramName);
      if (!found?.series.takes(labels)) return countUnknown(name);
      const bounded = found.series.bound(labels);
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

/** Only a trace that is sampled can be looked up. */
function exemplarOf(trace: TraceContext | undefined): Labels {
  if (trace === undefined) return {};
  const [, traceId = '', spanId = '', flags = '0'] = trace.traceparent.split('-');
  return (Number.parseInt(flags, 16) & 1) === 1 ? { trace_id: traceId, span_id: spanId } : {};
}

/** At most {@link maxSeries} combinations of label values, and one more for all others together. */
class BoundedSeries {
  readonly #labels: readonly string[];
  readonly #others: Labels;
  readonly #seen = new Set<string>();

  constructor(labels: readonly string[]) {
    this.#labels = labels;
    this.#others = Object.fromEntries(labels.map((label) => [label, 'other']));
  }

  takes(labels: Labels): boolean {
    return (
      Object.keys(labels).length === this.#labels.length && this.#labels.every((label) => labels[label] !== undefined)
    );
  }

  bound(labels: Labels): Labels {
    return this.#hasPlaceFor(labels) ? labels : this.#others;
  }

  #hasPlaceFor(labels: Labels): boolean {
    if (this.#labels.length === 0) return true;
    const key = JSON.stringify(this.#labels.map((label) => labels[label]));
    if (this.#seen.has(key)) return true;
    if (this.#seen.size >= maxSeries) return false;
    this.#seen.add(key);
    return true;
  }
}

function entriesOf<Table extends object>(table: Table): [keyof Table, Table[keyof Table]][] {
  return Object.entries(table) as [keyof Table, Table[keyof Table]][];
}
