import { counters, gauges } from '../../src/observability/metrics.ts';
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
      'With `server.metrics: true`, `GET /metrics` shows the counters of this process in the text format of Prometheus, and with them the usual ones of a Node process (memory, processor time, event loop delay, garbage collection). It asks for no key, and the labels name backends and agents: let only your monitoring reach it.',
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
  ].join('\n\n')}\n`;
}
