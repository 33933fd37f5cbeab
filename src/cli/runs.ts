import { createInterface } from 'node:readline/promises';
import type { z } from 'zod';
import { answers } from '../protocols/admin/answers.ts';
import { type Command, CommandFailure, type CommandLine, exitCodes, say, UsageError } from './command.ts';
import { watchRun } from './followed-run.ts';
import { watchRuns } from './followed-runs.ts';
import { GatewayClient, gatewayFlags } from './gateway-client.ts';
import { filterFlags, readFilter } from './run-filter.ts';
import { renderReport } from './run-report.ts';
import { type RunSource, readingRuns, ServedRuns } from './run-sources.ts';
import { formatAge, paint, renderTable, showProgress, styleOfStatus } from './terminal.ts';

type Run = z.output<typeof answers.Run>;

const filter = Object.entries(filterFlags).map(([name, flag]) =>
  'value' in flag ? `--${name} ${flag.value}` : `--${name}`,
);

/** `rungate runs`: the runs of all tenants. */
export const runs: Command = {
  name: 'runs',
  usages: [
    {
      call: 'runs list [FILTER] [--limit N] [--json] [--url URL | --config FILE]',
      help: ['list runs of all tenants, newest first; FILTER is any of', ...wrap(filter)],
    },
    {
      call: 'runs show ID [--reveal] [--json]',
      help: [
        'show all that is known of a run, with its timeline;',
        'where no gateway answers, both read the store of the config',
      ],
    },
    { call: 'runs watch ID', help: ['follow a run; the exit code says how it ended'] },
    {
      call: 'runs watch [FILTER] [--json]',
      help: ['follow all runs that match, a line for each change, until', 'Ctrl-C'],
    },
    {
      call: 'runs cancel ID... | FILTER [--dry-run] [--yes] [--max N]',
      help: ['end live runs, after a count and a question'],
    },
    {
      call: 'runs replay ID... | FILTER [--dry-run] [--yes] [--max N]',
      help: ['make new runs of runs that have ended, likewise'],
    },
  ],
  flags: {
    ...filterFlags,
    limit: { value: 'N', help: 'Runs that are listed at most. Default: 50.' },
    reveal: { help: 'Shows the input and the output too. It takes the role `operator`, and the gateway logs it.' },
    'dry-run': { help: 'Says how many runs it would be, and does nothing.' },
    yes: { help: 'Asks no question. Required where standard input is no terminal.' },
    max: { value: 'N', help: 'Runs that are acted on at most. Default: 1000.' },
    json: { help: 'Prints JSON: the answers of the admin API; a list is one object with all its runs.' },
    ...gatewayFlags,
  },
  actions: ['list', 'show', 'watch', 'cancel', 'replay'],
  maxOperands: 1000,
  run: async (line) => {
    switch (line.action) {
      case 'list':
        return await list(line);
      case 'show':
        return await show(line);
      case 'watch':
        return await watch(line);
      case 'cancel':
      case 'replay':
        return await act(line, line.action);
      default:
        throw new UsageError('runs takes list, show, watch, cancel or replay');
    }
  },
};

/** Flags in lines that stand beside the calls of the help. */
function wrap(words: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > 55) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

async function list(line: CommandLine): Promise<number> {
  if (line.operands.length > 0) throw new UsageError(`unexpected: ${line.operands.join(' ')}`);
  const limit = line.count('limit', 50);
  const filter = readFilter(line);
  const { found, isComplete } = await readingRuns(line, async (source) => await findRuns(source, filter, limit));
  if (line.isSet('json')) return await say(`${JSON.stringify({ runs: found, complete: isComplete }, null, 2)}\n`);
  if (found.length === 0) return await say(isComplete ? 'no such runs\n' : 'none found yet; narrow the filter\n');
  const more = isComplete ? '' : `${paint('dim', `the newest ${found.length}; --limit N shows more`)}\n`;
  return await say(`${renderRuns(found)}${more}`);
}

function renderRuns(found: readonly Run[]): string {
  return renderTable(found, [
    { head: 'RUN', cell: (run) => run.run_id },
    { head: 'AGENT', cell: (run) => run.agent },
    { head: 'BACKEND', cell: (run) => run.backend ?? '-' },
    { head: 'TENANT', cell: (run) => run.tenant },
    { head: 'STATE', cell: stateOf, style: (run) => styleOfStatus(stateOf(run)) },
    { head: 'AGE', cell: (run) => formatAge(run.created_at), isNumber: true },
    { head: 'WHY', cell: (run) => run.waits_for ?? sayError(run) },
  ]);
}

function stateOf({ phase, status }: Run): string {
  return phase === 'done' ? status : phase;
}

function sayError({ errcode, error }: Run): string {
  return errcode === null ? '' : `${errcode} ${error ?? ''}`;
}

/** Pages until the limit. `isComplete`: there are no more. */
async function findRuns(source: RunSource, query: Readonly<Record<string, string>>, limit: number) {
  const found: Run[] = [];
  let examined = 0;
  for (let cursor: string | undefined; ; ) {
    const page = await source.list({ ...query, limit: String(Math.min(200, limit - found.length)), cursor });
    found.push(...page.runs);
    examined += page.examined;
    showProgress(`${found.length} of ${examined} runs`);
    cursor = page.next_cursor ?? undefined;
    if (cursor !== undefined && found.length < limit) continue;
    showProgress('');
    return { found, isComplete: cursor === undefined };
  }
}

function oneId({ action, operands }: CommandLine): string {
  const [id, ...others] = operands;
  if (id === undefined || others.length > 0) throw new UsageError(`runs ${action} takes the id of one run`);
  return id;
}

async function show(line: CommandLine): Promise<number> {
  const id = oneId(line);
  const { value, text } = await readingRuns(line, async (source) => await source.show(id, line.isSet('reveal')));
  return await say(line.isSet('json') ? `${text}\n` : renderReport(value, text));
}

async function watch(line: CommandLine): Promise<number> {
  const filter = readFilter(line);
  if (line.operands.length === 0) {
    return await watchRuns(await GatewayClient.find(line), { filter, isJson: line.isSet('json') });
  }
  if (Object.keys(filter).length > 0) throw new UsageError('runs watch takes an id or a filter, and not both');
  return await watchRun(await GatewayClient.find(line), oneId(line));
}

/** Runs that are sent with one request. */
const bulkSize = 200;

async function act(line: CommandLine, verb: 'cancel' | 'replay'): Promise<number> {
  const client = await GatewayClient.find(line);
  const ids = await chooseRuns(client, line, verb);
  if (ids.length === 0) return await say('no such runs\n');
  const counted = await send(client, { verb, ids, isDryRun: true });
  const question = `${verb} ${counted.matched} run${counted.matched === 1 ? '' : 's'}`;
  if (line.isSet('dry-run') || counted.matched === 0) {
    return await report(line, { ...counted, verb, isDryRun: true });
  }
  if (!line.isSet('yes') && !(await confirm(question))) {
    throw new CommandFailure('nothing was done', exitCodes.failed);
  }
  // Those that were counted, and no others: what has come since then was not asked about.
  return await report(line, { ...(await send(client, { verb, ids, isDryRun: false })), verb, isDryRun: false });
}

async function chooseRuns(client: GatewayClient, line: CommandLine, verb: string): Promise<readonly string[]> {
  const query = readFilter(line);
  const isFiltered = Object.keys(query).length > 0;
  if (isFiltered === line.operands.length > 0) {
    throw new UsageError(`runs ${verb} takes ids or a filter, and not both`);
  }
  if (!isFiltered) return line.operands;
  const max = line.count('max', 1000);
  const candidates = await findRuns(
    new ServedRuns(client),
    verb === 'cancel' ? { live: 'true', ...query } : query,
    max,
  );
  const isMeant = ({ phase }: Run) => (phase === 'done') === (verb === 'replay');
  if (!candidates.isComplete)
    process.stderr.write(`there are more than ${max}; the newest are taken, --max N takes more\n`);
  return candidates.found.filter(isMeant).map(({ run_id }) => run_id);
}

type Bulk = Pick<z.output<typeof answers.BulkOutcome>, 'matched' | 'done' | 'refused'>;

async function send(
  client: GatewayClient,
  { verb, ids, isDryRun }: { readonly verb: string; readonly ids: readonly string[]; readonly isDryRun: boolean },
): Promise<Bulk> {
  const sum = { matched: 0, done: [] as Bulk['done'], refused: [] as Bulk['refused'] };
  for (let at = 0; at < ids.length; at += bulkSize) {
    const some = ids.slice(at, at + bulkSize);
    const body = JSON.stringify({ run_ids: some, dry_run: isDryRun, max: some.length });
    const { value } = await client.ask(answers.BulkOutcome, { method: 'POST', path: `/admin/v1/runs:${verb}`, body });
    sum.matched += value.matched;
    sum.done.push(...value.done);
    sum.refused.push(...value.refused);
    if (!isDryRun) showProgress(`${at + some.length} of ${ids.length}`);
  }
  showProgress('');
  return sum;
}

async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new CommandFailure(`--yes is required to ${question} where no terminal can be asked`, exitCodes.usage);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question}? [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

type Acted = Bulk & { readonly verb: 'cancel' | 'replay'; readonly isDryRun: boolean };

async function report(line: CommandLine, { verb, isDryRun, matched, done, refused }: Acted): Promise<number> {
  if (line.isSet('json')) {
    await say(`${JSON.stringify({ dry_run: isDryRun, matched, done, refused }, null, 2)}\n`);
  } else {
    const made = done.flatMap(({ run_id, new_run_id: made }) => (made === undefined ? [] : [`${run_id} -> ${made}\n`]));
    const not = refused.map(({ run_id, reason }) => `${run_id} refused: ${reason}\n`);
    const past = verb === 'cancel' ? 'cancelled' : 'replayed';
    const head = isDryRun ? `${matched} would be ${past}` : `${done.length} ${past}`;
    await say(`${made.join('')}${not.join('')}${head}${refused.length === 0 ? '' : `, ${refused.length} refused`}\n`);
  }
  return refused.length === 0 || isDryRun ? exitCodes.ok : exitCodes.failed;
}
