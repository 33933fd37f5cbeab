import { setTimeout } from 'node:timers/promises';
import type { z } from 'zod';
import { adminBounds } from '../contract/api/admin.ts';
import type { answers } from '../protocols/admin/answers.ts';
import { CommandFailure, exitCodes, say } from './command.ts';
import { readChanges } from './followed-run.ts';
import type { GatewayClient } from './gateway-client.ts';
import { ServedRuns } from './run-sources.ts';
import { paint, printable, styleOfStatus } from './terminal.ts';

type Run = z.output<typeof answers.Run>;
type Change = z.output<typeof answers.Change>;
type Query = Readonly<Record<string, string>>;

export type FollowOptions = {
  /** Which runs, in the parameters of the admin API. */
  readonly filter: Query;
  /** Prints each run as a line of JSON. */
  readonly isJson: boolean;
};

/** Pause before the stream is opened again. */
const reopenMs = 1000;

/**
 * Prints a line for each change of the runs that match, until SIGINT, SIGTERM, or the reader of standard output goes. A
 * gateway that is away is waited for, unless it was never there.
 */
export async function watchRuns(client: GatewayClient, options: FollowOptions): Promise<number> {
  const ending = new AbortController();
  const end = () => ending.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  process.stdout.once('error', end);
  const followed = new FollowedRuns(new ServedRuns(client), options);
  let isAway = false;
  while (!ending.signal.aborted) {
    try {
      for await (const change of readChanges(client, ending.signal)) {
        isAway = false;
        await followed.take(change);
      }
    } catch (failure) {
      if (ending.signal.aborted) break;
      const canWait = failure instanceof CommandFailure && failure.exitCode === exitCodes.unreachable;
      if (!canWait || !followed.hasBegun) throw failure;
      if (!isAway) process.stderr.write(`${failure.message}; trying again\n`);
      isAway = true;
    }
    await setTimeout(reopenMs, undefined, { signal: ending.signal }).catch(() => undefined);
  }
  return exitCodes.ok;
}

/** What is shown of the runs that match, and what is not yet. */
class FollowedRuns {
  readonly #source: ServedRuns;
  readonly #options: FollowOptions;
  /** What was printed last of each run that has not ended. */
  readonly #shown = new Map<string, string>();
  readonly #due = new Set<string>();
  #reading: Promise<void> | null = null;
  #failure: unknown = null;
  /** By the clock of the gateway. */
  #newest: string | null = null;

  constructor(source: ServedRuns, options: FollowOptions) {
    this.#source = source;
    this.#options = options;
  }

  get hasBegun(): boolean {
    return this.#newest !== null;
  }

  /** Changes that come while runs are read are read together. Throws what reading has thrown. */
  async take({ kind, at, run_id: runId }: Change): Promise<void> {
    if (kind === 'reset') {
      // All is read anew, so that what could not be read of a gateway that has ended is not missed.
      this.#failure = null;
      await this.#begin(at);
    }
    if (kind === 'run' && runId !== undefined) this.#due.add(runId);
    if (this.#failure !== null) {
      const failure = this.#failure;
      this.#failure = null;
      throw failure;
    }
    if (this.#due.size === 0) return;
    this.#reading ??= this.#readDue()
      .catch((failure: unknown) => {
        this.#failure = failure;
      })
      .finally(() => {
        this.#reading = null;
      });
  }

  /** Shows the live runs; after a gap, those too that have changed in it. */
  async #begin(at: string): Promise<void> {
    const since = this.#newest;
    const live = since === null ? { live: 'true' } : {};
    const { runs } = await this.#source.list({ ...this.#options.filter, ...live, limit: `${adminBounds.pageSize}` });
    await this.#show(runs.filter((run) => since === null || run.updated_at > since));
    for (const runId of this.#shown.keys()) this.#due.add(runId);
    this.#newest ??= at;
  }

  async #readDue(): Promise<void> {
    while (this.#due.size > 0) {
      const ids = [...this.#due].slice(0, adminBounds.ids);
      for (const id of ids) this.#due.delete(id);
      const known = ids.filter((id) => this.#shown.has(id));
      // A run that has been shown is followed to its end, also where the filter would not choose it any more.
      const runs = [
        ...(await this.#read(known, {})),
        ...(await this.#read(
          ids.filter((id) => !this.#shown.has(id)),
          this.#options.filter,
        )),
      ];
      await this.#show(runs);
      for (const id of known) if (!runs.some((run) => run.run_id === id)) await this.#showRemoved(id);
    }
  }

  async #read(ids: readonly string[], filter: Query): Promise<readonly Run[]> {
    if (ids.length === 0) return [];
    return (await this.#source.list({ ...filter, run_id: ids.join(','), limit: `${adminBounds.pageSize}` })).runs;
  }

  /** In the order of their changes. */
  async #show(runs: readonly Run[]): Promise<void> {
    for (const run of runs.toSorted((one, other) => (one.updated_at < other.updated_at ? -1 : 1))) {
      const said = JSON.stringify([run.phase, run.status, run.waits_for]);
      if (this.#newest === null || run.updated_at > this.#newest) this.#newest = run.updated_at;
      if (this.#shown.get(run.run_id) === said) continue;
      if (run.phase === 'done') this.#shown.delete(run.run_id);
      else this.#shown.set(run.run_id, said);
      await say(this.#options.isJson ? `${JSON.stringify(run)}\n` : renderLine(run));
    }
  }

  async #showRemoved(runId: string): Promise<void> {
    this.#shown.delete(runId);
    await say(this.#options.isJson ? `${JSON.stringify({ run_id: runId, removed: true })}\n` : `${runId}  removed\n`);
  }
}

function renderLine({ run_id: runId, agent, tenant, phase, status, errcode, error, ...run }: Run): string {
  const state = phase === 'done' ? status : phase;
  const why = run.waits_for ?? (errcode === null ? '' : `${errcode} ${error ?? ''}`);
  const cells = [run.updated_at.slice(11, 23), runId, `${agent} of ${tenant}`.padEnd(24)].map(printable);
  return `${cells.join('  ')}  ${paint(styleOfStatus(state), state.padEnd(11))}  ${printable(why)}`
    .trimEnd()
    .concat('\n');
}
