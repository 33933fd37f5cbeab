import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checks } from './checks.ts';
import { kills, type Outcome } from './kills.ts';
import type { Peer } from './peers.ts';

export type Column = {
  readonly peer: Peer;
  readonly outcomes?: Readonly<Record<string, Outcome>>;
  /** Why it could not be tried. */
  readonly unavailable?: string;
};

const page = join(import.meta.dirname, '../../../docs/vendors/peers.md');
const [begin, end] = ['<!-- table -->', '<!-- end of table -->'];

/** Markdown: one column a vendor, one row a check, and below it the versions. */
export function renderTable(columns: readonly Column[]): string {
  const lines = [
    row(['', ...columns.map(({ peer }) => peer.title)]),
    row(['---', ...columns.map(() => '---')]),
    ...[...checks.map(({ name }) => name), ...kills.map(({ name }) => name)].map((name) =>
      row([name, ...columns.map(({ outcomes }) => say(outcomes?.[name]))]),
    ),
    '',
    ...columns.map(
      ({ peer, unavailable }) =>
        `- ${peer.title}: ${peer.packages === null ? 'no package' : peer.packages.names.map((name) => `\`${name}\``).join(', ')}${unavailable === undefined ? '' : `. Not tried: ${unavailable}`}`,
    ),
  ];
  return lines.join('\n');
}

/** Replaces the table on the page. */
export function writePage(columns: readonly Column[]): void {
  const text = readFileSync(page, 'utf8');
  const [head, rest] = [text.slice(0, text.indexOf(begin)), text.slice(text.indexOf(end))];
  writeFileSync(page, `${head}${begin}\n\n${renderTable(columns)}\n\n${rest}`);
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function say(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'not tried';
  return 'seen' in outcome
    ? outcome.seen
    : `**no**: ${outcome.wrong.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').slice(0, 200)}`;
}
