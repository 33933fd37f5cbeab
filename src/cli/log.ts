import { adminBounds } from '../contract/api/admin.ts';
import { answers } from '../protocols/admin/answers.ts';
import { duration } from '../protocols/admin/requests.ts';
import { type Command, exitCodes, say, UsageError } from './command.ts';
import { GatewayClient, gatewayFlags } from './gateway-client.ts';

const usualTime = '5m';

/** `rungate log`: a running gateway logs more for a while. */
export const log: Command = {
  name: 'log',
  usages: [
    {
      call: 'log debug [--run ID] [--for TIME] [--undo] [--json] [--url URL | --config FILE]',
      help: ['let a running gateway log all that it does with one', 'run, or at all, whatever its level'],
    },
  ],
  flags: {
    run: { value: 'ID', help: 'What is done with this run alone.' },
    for: {
      value: 'TIME',
      help: `Such as \`90s\`, \`10m\` or \`1h\`, which is the longest. Default: \`${usualTime}\`.`,
    },
    undo: { help: 'Ends it before its time.' },
    json: { help: 'Prints JSON: the answer of the admin API.' },
    ...gatewayFlags,
  },
  actions: ['debug'],
  run: async (line) => {
    if (line.action === undefined) throw new UsageError('log takes debug');
    const seconds = line.isSet('undo') ? 0 : secondsOf(line.text('for') ?? usualTime);
    const client = await GatewayClient.find(line);
    const body = JSON.stringify({ run_id: line.text('run'), seconds });
    const { value, text } = await client.ask(answers.DebugLog, { method: 'POST', path: '/admin/v1/log:debug', body });
    if (line.isSet('json')) return await say(`${text}\n`);
    const { replica, run_id: runId, until, owner } = value;
    const what = runId === null ? 'all that it does' : `all that it does with ${runId}`;
    if (until !== null && owner !== null && owner !== replica)
      process.stderr.write(`${owner} drives the run: its own log has most of it\n`);
    await say(`${replica} logs ${until === null ? 'as its level says again' : `${what}, until ${until}`}\n`);
    return exitCodes.ok;
  },
};

function secondsOf(time: string): number {
  const seconds = (duration.safeParse(time).data ?? 0) / 1000;
  if (seconds >= 1 && seconds <= adminBounds.debugLogSeconds) return seconds;
  throw new UsageError(`--for takes a time from 1s to 1h, such as 90s or 10m, not ${time}`);
}
