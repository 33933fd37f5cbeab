import { existsSync } from 'node:fs';
import { z } from 'zod';
import { adapters } from '../../adapters/index.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import { type FindableAgent, RunFinder } from '../engine/admin/run-finder.ts';
import { reportRun } from '../engine/admin/run-reports.ts';
import { systemClock } from '../engine/system-clock.ts';
import { createLog } from '../observability/log.ts';
import { answers } from '../protocols/admin/answers.ts';
import { encodePage, encodeReport } from '../protocols/admin/encode.ts';
import { runList, selectionOf } from '../protocols/admin/requests.ts';
import { openStoreToRead } from '../store/open.ts';
import { CommandFailure, type CommandLine, exitCodes, usualConfigFile } from './command.ts';
import { GatewayClient } from './gateway-client.ts';

/** A page of a list: the parameters of the admin API. */
type ListQuery = Readonly<Record<string, string | undefined>>;

/** Where runs are read from, in the words of the admin API. Every method throws `CommandFailure`. */
export interface RunSource {
  list(query: ListQuery): Promise<z.output<typeof answers.RunList>>;
  show(
    id: string,
    isRevealed: boolean,
  ): Promise<{ readonly value: z.output<typeof answers.RunReport>; readonly text: string }>;
}

/** The runs of a gateway that answers. */
export class ServedRuns implements RunSource {
  readonly #client: GatewayClient;

  constructor(client: GatewayClient) {
    this.#client = client;
  }

  async list(query: ListQuery) {
    return (await this.#client.ask(answers.RunList, { path: '/admin/v1/runs', query })).value;
  }

  async show(id: string, isRevealed: boolean) {
    const query = isRevealed ? { reveal: 'input,output' } : {};
    return await this.#client.ask(answers.RunReport, { path: `/admin/v1/runs/${encodeURIComponent(id)}`, query });
  }
}

/**
 * Reads runs from the gateway, or from the store of its config where none answers: at night that may be all there is. A gateway
 * that was named by its URL alone has no config to find the store by.
 */
export async function readingRuns<T>(line: CommandLine, read: (source: RunSource) => Promise<T>): Promise<T> {
  const client = await GatewayClient.find(line);
  try {
    return await read(new ServedRuns(client));
  } catch (failure) {
    const file = storeConfigOf(line);
    const isAway = failure instanceof CommandFailure && failure.exitCode === exitCodes.unreachable;
    if (!isAway || file === undefined) throw failure;
    process.stderr.write(`${failure.message}; reading the store of ${file}\n`);
    return await readingStore(file, read);
  }
}

function storeConfigOf(line: CommandLine): string | undefined {
  const named = line.text('config');
  if (named !== undefined) return named;
  const isElsewhere = line.text('url') !== undefined || (process.env.RUNGATE_URL ?? '') !== '';
  return !isElsewhere && existsSync(usualConfigFile) ? usualConfigFile : undefined;
}

async function readingStore<T>(file: string, read: (source: RunSource) => Promise<T>): Promise<T> {
  const config = await loadConfig(file, process.env, adapters);
  const log = createLog({ level: config.log.level, secrets: config.secrets });
  const store = await openStoreToRead(config.store.url, { log, notifyUrl: config.store.notifyUrl });
  const finder = new RunFinder({
    ...{ store, clock: systemClock, agents: agentsOf(config) },
    // No process drives them: what they wait for is as it was recorded.
    live: { waitingFor: () => undefined },
  });
  const consoleUrlOf = (name: string) => config.backends.find((backend) => backend.name === name)?.consoleUrl ?? null;
  try {
    return await read({
      list: async (query) => {
        const asked = runList.safeParse(JSON.parse(JSON.stringify(query)));
        if (!asked.success) throw new CommandFailure(z.prettifyError(asked.error), exitCodes.failed);
        const { limit, cursor = null, run_id: runIds, ...filter } = asked.data;
        const page = await saying(finder.find({ ...selectionOf(filter), runIds, limit, cursor }));
        return answers.RunList.parse(encodePage(page));
      },
      show: async (id, isRevealed) => {
        const report = encodeReport(
          await saying(reportRun({ store, finder, consoleUrlOf }, id, isRevealed ? ['input', 'output'] : [])),
        );
        return { value: answers.RunReport.parse(report), text: JSON.stringify(report) };
      },
    });
  } finally {
    await store.close();
  }
}

function agentsOf({ agents, backends }: Config) {
  const tenantsOf = (name: string) => {
    const own = backends.find((backend) => backend.name === name)?.settingsByTenant ?? null;
    return own === null ? undefined : Object.keys(own);
  };
  const all = agents.map(({ agentId, name, backend, backends: spread }): FindableAgent => {
    const places = spread?.map((place) => ({ agent: { backend: place.name, tenants: tenantsOf(place.name) } }));
    return { agentId, name, backend, tenants: tenantsOf(backend), places };
  });
  return { all, find: (key: string) => all.find(({ agentId, name }) => key === agentId || key === name) ?? null };
}

/** What is asked for may not be there, as with a gateway. */
async function saying<T>(answer: Promise<T>): Promise<T> {
  return await answer.catch((error: unknown) => {
    if (!(error instanceof GatewayError)) throw error;
    throw new CommandFailure(error.message, exitCodes.failed);
  });
}
