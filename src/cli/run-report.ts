import type { z } from 'zod';
import { isJsonObject } from '../json/json-object.ts';
import { parseJson } from '../json/parse-json.ts';
import type { answers } from '../protocols/admin/answers.ts';
import { formatAge, formatDuration, paint, printable, renderTable, styleOfStatus } from './terminal.ts';

type Report = z.output<typeof answers.RunReport>;
type Entry = Report['timeline'][number];

/** A run for people. `text` is the answer itself, in which numbers stand exactly. */
export function renderReport(report: Report, text: string): string {
  const { phase, status, errcode, error } = report;
  const state = phase === 'done' ? status : phase;
  const facts: readonly (readonly [string, string | null])[] = [
    ['run', report.run_id],
    ['state', paint(styleOfStatus(state), state)],
    ['error', errcode === null ? null : printable(`${errcode} ${error ?? ''}`)],
    ['waits for', report.waits_for === null ? null : printable(report.waits_for)],
    ['agent', printable(report.agent)],
    ['backend', report.backend],
    ['tenant', report.tenant],
    ['thread', report.thread_id === null ? null : printable(report.thread_id)],
    ['age', formatAge(report.created_at)],
    ['deadline', report.deadline_at],
    ['replica', report.owner],
    [
      "vendor's ids",
      printable(
        Object.entries(report.vendor_ids ?? {})
          .map((pair) => pair.join(' '))
          .join(', '),
      ),
    ],
    ["vendor's page", report.vendor_url === null ? null : printable(report.vendor_url)],
    ['request', report.request_id === null ? null : printable(report.request_id)],
    ['trace', report.trace_id],
    ['looks', report.looks === null ? null : `${report.looks.count}, ${report.looks.failed} failed`],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === null || value === '' ? [] : [`${paint('dim', name.padEnd(14))}${value}`],
  );
  return `${lines.join('\n')}\n\n${renderTimeline(report.timeline)}${revealed(text)}`;
}

function renderTimeline(entries: readonly Entry[]): string {
  return renderTable(entries, [
    { head: 'AT', cell: ({ at }) => at.slice(11, 23) },
    { head: 'WHAT', cell: ({ kind }) => kind },
    { head: 'TOOK', cell: ({ took_ms: took }) => (took === null ? '' : formatDuration(took)), isNumber: true },
    { head: 'FAULT', cell: ({ fault }) => fault ?? '', style: () => 'red' },
    { head: 'DETAIL', cell: ({ text }) => text },
  ]);
}

function revealed(text: string): string {
  const parsed = parseJson(text, { maxDepth: 1000, protoKeys: 'keep' });
  if (parsed.kind !== 'json' || !isJsonObject(parsed.value)) return '';
  const { input, output } = parsed.value;
  return Object.entries({ input, output })
    .flatMap(([name, value]) => (value === undefined ? [] : [`\n${name}: ${printable(JSON.stringify(value))}\n`]))
    .join('');
}
