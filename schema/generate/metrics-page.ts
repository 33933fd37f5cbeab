import { counters, gauges, histograms } from '../../src/observability/metric-tables.ts';
import { code, formatTable, generatedNote, paragraph } from './markdown.ts';

/** docs/metrics.md. */
export function renderMetricsPage(): string {
  const rows = Object.entries(counters).map(([name, { help, labels }]) => [
    code(`rungate_${name}_total`),
    labels.map(code).join(', '),
    help,
  ]);
  return `${[
    '# Metrics',
    generatedNote,
    paragraph(
      'With `server.metrics: true`, `GET /metrics` shows the metrics of this process in the text format of Prometheus, and with them the usual ones of a Node process (memory, processor time, event loop delay, garbage collection). It asks for no key, and the labels name backends and agents: let only your monitoring reach it.',
    ),
    paragraph(
      'A scraper that accepts OpenMetrics gets that form, in which the buckets of histograms carry the ids of traces as exemplars. Labels come from the config, from errcodes and from fixed lists; a metric has at most 1,000 series, and what is beyond counts as `other`.',
    ),
    formatTable(['counter', 'labels', 'counts'], rows),
    formatTable(
      ['gauge', 'labels', 'shows'],
      Object.entries(gauges).map(([name, { help, labels }]) => [
        code(`rungate_${name}`),
        labels.map(code).join(', '),
        help,
      ]),
    ),
    formatTable(
      ['histogram', 'labels', 'measures, in seconds'],
      Object.entries(histograms).map(([name, { help, labels }]) => [
        code(`rungate_${name}`),
        labels.map(code).join(', '),
        help,
      ]),
    ),
  ].join('\n\n')}\n`;
}
