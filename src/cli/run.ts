import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { runStatuses } from '../contract/domain/run.ts';
import { isJsonObject } from '../json/json-object.ts';
import { parseJson } from '../json/parse-json.ts';
import { type Command, CommandFailure, type CommandLine, exitCodes, say, UsageError } from './command.ts';
import { exitCodeOf } from './followed-run.ts';
import { type Call, GatewayClient, gatewayFlags } from './gateway-client.ts';
import { formatDuration, paint, printable, showProgress } from './terminal.ts';

/** `rungate run`: one run from a shell. It speaks ACP 0.1, as clients do. */
export const run: Command = {
  name: 'run',
  usages: [
    {
      call: 'run AGENT [-i JSON] [--detach] [--json] [--url URL | --config FILE]',
      help: ['create a run, follow it and print its output; the', 'exit code says how it ended'],
    },
  ],
  flags: {
    input: {
      value: 'JSON',
      short: 'i',
      help: 'Input of the run; `@FILE` reads a file, `-` standard input. Default: `{}`.',
    },
    detach: { help: 'Prints the id of the run and does not wait for it.' },
    json: { help: 'Prints JSON: the answers of ACP 0.1.' },
    ...gatewayFlags,
  },
  maxOperands: 1,
  run: async (line) => {
    const [agent] = line.operands;
    if (agent === undefined) throw new UsageError('run takes the name of an agent');
    const input = await readInput(line);
    const client = await GatewayClient.find(line, 'clients');
    // One key for all attempts: a create whose answer was lost is not made twice.
    const created = await insist(client, started, {
      method: 'POST',
      path: '/runs',
      // The input stands as it was given, so that its numbers stay exact.
      body: `{"agent_id":${JSON.stringify(agent)},"input":${input}}`,
      headers: { 'idempotency-key': randomUUID() },
    });
    const runId = created.value.run_id;
    if (line.isSet('detach')) return await say(line.isSet('json') ? `${created.text}\n` : `${runId}\n`);
    process.stderr.write(`${paint('dim', `run ${runId}`)}\n`);
    const { status, text } = await awaitOutput(client, runId);
    if (line.isSet('json')) await say(`${text}\n`);
    else await sayOutput(text);
    return exitCodeOf(status);
  },
};

const started = z.object({ run_id: z.string() });
const output = z.object({ status: z.enum(runStatuses) });

/** How long one request waits; proxies cut silent connections after 30 seconds. */
const waitSeconds = 20;
/** How often, and after what pause, a request is sent again to a gateway that does not answer, such as while it restarts. */
const attempts = { count: 10, pauseMs: 1000 } as const;

async function readInput(line: CommandLine): Promise<string> {
  const given = line.text('input') ?? '{}';
  const text =
    given === '-'
      ? await readAll(process.stdin)
      : given.startsWith('@')
        ? await readFile(given.slice(1), 'utf8')
        : given;
  if (parseJson(text, { maxDepth: 1000, protoKeys: 'keep' }).kind !== 'json')
    throw new UsageError('--input takes JSON');
  return text;
}

async function insist<Schema extends z.ZodType>(client: GatewayClient, schema: Schema, call: Call) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await client.ask(schema, call);
    } catch (error) {
      const isGone = error instanceof CommandFailure && error.exitCode === exitCodes.unreachable;
      if (!isGone || attempt === attempts.count) throw error;
      showProgress(error.message);
      await setTimeout(attempts.pauseMs);
    }
  }
}

async function awaitOutput(client: GatewayClient, runId: string) {
  const since = performance.now();
  const call: Call = { path: `/runs/${runId}/output`, query: { block_timeout: String(waitSeconds) } };
  for (;;) {
    showProgress(`waits for its output, ${formatDuration(performance.now() - since)}`);
    const { status, value, text } = await insist(client, output.or(z.null()), call);
    showProgress('');
    if (status !== 204 && value !== null) return { status: value.status, text };
  }
}

/** What the agent gave to standard output, what went wrong to standard error. */
async function sayOutput(text: string): Promise<void> {
  const parsed = parseJson(text, { maxDepth: 1000, protoKeys: 'keep' });
  const answer = parsed.kind === 'json' && isJsonObject(parsed.value) ? parsed.value : {};
  const { type, result, interrupt, errcode, description } = answer;
  if (type === 'error') process.stderr.write(`error ${String(errcode)}: ${printable(String(description))}\n`);
  else await say(`${JSON.stringify(type === 'interrupt' ? interrupt : result, null, 2)}\n`);
}
