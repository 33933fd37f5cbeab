import { backends } from './backends.ts';
import { backup } from './backup.ts';
import { check } from './check.ts';
import type { Command } from './command.ts';
import { createCompletion } from './completion.ts';
import { drain } from './drain.ts';
import { init } from './init.ts';
import { key } from './key.ts';
import { log } from './log.ts';
import { mapping } from './mapping.ts';
import { reload } from './reload.ts';
import { restore } from './restore.ts';
import { run } from './run.ts';
import { runs } from './runs.ts';
import { sandbox } from './sandbox.ts';
import { schema } from './schema.ts';
import { serve } from './serve.ts';
import { top } from './top.ts';
import { vendor } from './vendor.ts';
import { version } from './version.ts';
import { webhooks } from './webhooks.ts';

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  serve,
  init,
  check,
  mapping,
  reload,
  run,
  runs,
  top,
  backends,
  drain,
  log,
  schema,
  vendor,
  key,
  webhooks,
  backup,
  restore,
  sandbox,
  createCompletion(() => commands),
  version,
];

const margin = '  ';
const helpColumn = 57;

/** What `rungate --help` prints. */
export function renderHelp(): string {
  const lines = commands.flatMap(({ usages }) => usages.flatMap(({ call, help }) => renderUsage(call, help)));
  return ['rungate: one run API in front of every agent vendor', '', ...lines, ''].join('\n');
}

/** What `rungate COMMAND --help` prints. */
export function renderCommandHelp({ usages, flags }: Command): string {
  const named = Object.entries(flags).map(([name, { value, short, help }]) => {
    const letter = short === undefined ? '' : `-${short}, `;
    return [`${margin}${letter}--${name}${value === undefined ? '' : ` ${value}`}`, help.replaceAll('`', '')] as const;
  });
  const width = Math.max(0, ...named.map(([head]) => head.length)) + 2;
  const lines = [
    ...usages.flatMap(({ call, help }) => renderUsage(call, help)),
    ...(named.length === 0 ? [] : ['']),
    ...named.map(([head, help]) => head.padEnd(width) + help),
  ];
  return `${lines.join('\n')}\n`;
}

function renderUsage(call: string, help: readonly string[]): readonly string[] {
  const head = `${margin}rungate ${call}`;
  const indented = help.map((text) => ' '.repeat(helpColumn) + text);
  // A long call has its help below itself.
  if (head.length + 2 > helpColumn) return [head, ...indented];
  const [first = '', ...others] = help;
  return [head.padEnd(helpColumn) + first, ...others.map((text) => ' '.repeat(helpColumn) + text)];
}
