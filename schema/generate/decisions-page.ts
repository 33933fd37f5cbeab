import { readdirSync, readFileSync } from 'node:fs';
import { formatTable, generatedNote, paragraph } from './markdown.ts';

const folder = new URL('../../docs/decisions/', import.meta.url);

/** docs/decisions/README.md: the records of the folder by number, with the titles that they have. */
export function renderDecisionsPage(): string {
  const names = readdirSync(folder).filter((name) => /^\d{3}-.*\.md$/.test(name));
  return `${[
    '# Decisions',
    generatedNote,
    paragraph(
      'Decisions that shaped rungate, each with its context and consequences. A record is not rewritten when things change: a later one replaces it and says so. Numbers are grouped by subject and have gaps.',
    ),
    formatTable(
      ['number', 'decision'],
      names.toSorted().map((name) => [name.slice(0, 3), `[${titleOf(name)}](${name})`]),
    ),
  ].join('\n\n')}\n`;
}

/** The first heading, without the number that some records repeat in it. */
function titleOf(name: string): string {
  const heading = /^# (?:\d{3}[:.] )?(.*)$/m.exec(readFileSync(new URL(name, folder), 'utf8'));
  if (heading?.[1] === undefined) throw new Error(`docs/decisions/${name} has no heading`);
  return heading[1];
}
