import { setTimeout } from 'node:timers/promises';
import type { z } from 'zod';
import { answers } from '../protocols/admin/answers.ts';
import { renderBackends } from './backends.ts';
import { type Command, exitCodes, say } from './command.ts';
import { GatewayClient, gatewayFlags } from './gateway-client.ts';
import { formatAge, paint, printable } from './terminal.ts';

type Overview = z.output<typeof answers.Overview>;

/** How often a terminal is drawn anew. */
const refreshMs = 2000;

/** `rungate top`: what needs a person, and how the vendors are. */
export const top: Command = {
  name: 'top',
  usages: [
    {
      call: 'top [--once] [--json] [--url URL | --config FILE]',
      help: ['show what needs you, live counts and the backends,', 'every two seconds until Ctrl-C'],
    },
  ],
  flags: {
    once: { help: 'Shows it once. So it is where standard output is no terminal.' },
    json: { help: 'Prints JSON: the overview of the admin API, once.' },
    ...gatewayFlags,
  },
  run: async (line) => {
    const client = await GatewayClient.find(line);
    if (line.isSet('json')) {
      return await say(`${(await client.ask(answers.Overview, { path: '/admin/v1/overview' })).text}\n`);
    }
    if (line.isSet('once') || !process.stdout.isTTY) return await say(await render(client));
    return await redraw(client);
  },
};

/** On the terminal's other screen, so that what stood there comes back. */
async function redraw(client: GatewayClient): Promise<number> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());
  await say('\u001b[?1049h\u001b[?25l');
  try {
    while (!ending.signal.aborted) {
      const page = await render(client);
      await say(`\u001b[H${page.replaceAll('\n', '\u001b[K\n')}\u001b[J`);
      await setTimeout(refreshMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
    return exitCodes.ok;
  } finally {
    await say('\u001b[?25h\u001b[?1049l');
  }
}

async function render(client: GatewayClient): Promise<string> {
  const [overview, backends] = await Promise.all([
    client.ask(answers.Overview, { path: '/admin/v1/overview' }),
    client.ask(answers.BackendList, { path: '/admin/v1/backends' }),
  ]);
  return [...sayOverview(overview.value), '', renderBackends(backends.value.backends)].join('\n');
}

function sayOverview({ version, replica, config_hash: hash, needs, live, ended }: Overview): readonly string[] {
  const counts = (totals: Readonly<Record<string, number>>) =>
    Object.entries(totals)
      .map(([name, count]) => `${name} ${count}`)
      .join('  ');
  const asked = needs.map(({ name, text, since }) => {
    const head = name === null ? '' : `${printable(name)}  `;
    return `  ${paint('red', '!')} ${head}${printable(text)}${since === null ? '' : `, since ${formatAge(since)}`}`;
  });
  return [
    `${paint('bold', 'rungate')} ${version}  ${replica}  config ${hash.slice(0, 8)}`,
    '',
    ...(asked.length === 0 ? ['nothing needs you'] : [paint('bold', 'NEEDS YOU'), ...asked]),
    '',
    `${paint('bold', 'LIVE')} ${live.count}${live.complete ? '' : '+'}  ${counts(live.by_phase)}  ${live.oldest_at === null ? '' : `oldest ${formatAge(live.oldest_at)}`}`.trimEnd(),
    `${paint('bold', 'ENDED, last hour')} ${ended.count}${ended.complete ? '' : '+'}  ${counts(ended.by_status)}`.trimEnd(),
  ];
}
