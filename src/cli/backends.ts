import type { z } from 'zod';
import { answers } from '../protocols/admin/answers.ts';
import { type Command, type CommandLine, say, UsageError } from './command.ts';
import { GatewayClient, gatewayFlags } from './gateway-client.ts';
import { formatAge, formatDuration, renderTable, styleOfStatus } from './terminal.ts';

type Backend = z.output<typeof answers.Backend>;

/** `rungate backends`: how the vendors are, and what is done about it. */
export const backends: Command = {
  name: 'backends',
  usages: [
    {
      call: 'backends [--json] [--url URL | --config FILE]',
      help: ['show how each backend is, its calls and its queue'],
    },
    { call: 'backends pause NAME --reason TEXT', help: ['start nothing there until it is resumed; runs stay queued'] },
    { call: 'backends resume NAME', help: ['start runs there again'] },
    { call: 'backends probe NAME', help: ['call it now, whatever its pause or circuit'] },
  ],
  flags: {
    reason: { value: 'TEXT', help: 'Why the backend is paused. Its queued runs show it.' },
    json: { help: 'Prints JSON: the answers of the admin API.' },
    ...gatewayFlags,
  },
  actions: ['pause', 'resume', 'probe'],
  maxOperands: 1,
  run: async (line) => {
    const client = await GatewayClient.find(line);
    if (line.action === undefined) {
      const { value, text } = await client.ask(answers.BackendList, { path: '/admin/v1/backends' });
      return await say(line.isSet('json') ? `${text}\n` : renderBackends(value.backends));
    }
    const { value, text } = await client.ask(answers.Backend, {
      method: 'POST',
      path: `/admin/v1/backends/${encodeURIComponent(nameOf(line))}/${line.action}`,
      ...(line.action === 'pause' ? { body: JSON.stringify({ reason: reasonOf(line) }) } : {}),
    });
    return await say(line.isSet('json') ? `${text}\n` : renderBackends([value]));
  },
};

function nameOf({ action, operands: [name] }: CommandLine): string {
  if (name === undefined) throw new UsageError(`backends ${action} takes the name of a backend`);
  return name;
}

function reasonOf(line: CommandLine): string {
  const reason = line.text('reason');
  if (reason === undefined) throw new UsageError('backends pause takes --reason TEXT, which its queued runs show');
  return reason;
}

/** Backends for people. */
export function renderBackends(all: readonly Backend[]): string {
  const took = (ms: number | null) => (ms === null ? '-' : formatDuration(ms));
  return renderTable(all, [
    { head: 'BACKEND', cell: ({ name }) => name },
    { head: 'VENDOR', cell: ({ adapter }) => adapter },
    { head: 'STATE', cell: stateOf, style: (backend) => styleOfStatus(stateOf(backend)) },
    { head: 'SINCE', cell: ({ since }) => formatAge(since), isNumber: true },
    { head: 'LIVE', cell: ({ live_runs: live }) => String(live), isNumber: true },
    { head: 'QUEUE', cell: ({ queue }) => String(queue.starts), isNumber: true },
    { head: 'CALLS', cell: ({ calls }) => String(calls.count), isNumber: true },
    { head: 'FAILED', cell: ({ calls }) => String(calls.failed), isNumber: true },
    { head: 'P50', cell: ({ calls }) => took(calls.p50_ms), isNumber: true },
    { head: 'P95', cell: ({ calls }) => took(calls.p95_ms), isNumber: true },
    {
      head: 'WHY',
      cell: ({ stop, last_fault: fault }) => (stop === null ? (fault?.fault ?? '') : `${stop.by}: ${stop.reason}`),
    },
  ]);
}

function stateOf({ state, stop }: Backend): string {
  return stop === null ? state : 'stopped';
}
