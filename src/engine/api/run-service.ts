import type { Agent, AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json } from '../../contract/domain/json.ts';
import { Roster } from '../../collections/linked-list.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { RunQuery, Store } from '../../contract/store/store.ts';
import type { AgentQuery, CreateRun, Creation, RunFeed, UseCases } from '../../contract/api/use-cases.ts';
import { answering } from './storage-errors.ts';
import type { Archive } from '../state/run-cache.ts';
import type { Creator } from './create-run.ts';
import { Feed } from '../events/run-event-stream.ts';
import type { Items } from './item-service.ts';
import type { Journal } from '../state/run-writer.ts';
import type { Terminator } from '../worker/canceller.ts';
import type { Threads } from './thread-service.ts';
import type { News, Watch } from '../events/event-bus.ts';

export type ServiceParts = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly archive: Archive;
  readonly journal: Journal;
  readonly watch: Watch;
  readonly terminator: Terminator;
  readonly creator: Creator;
  readonly threads: Threads;
  readonly items: Items;
  readonly clock: Clock;
};

const drainRetryAfterSeconds = 5;

/** The use cases: what a dialect can ask for. */
export class Service implements UseCases {
  readonly #parts: ServiceParts;
  /** Ends each wait under way. */
  readonly #waits = new Roster<() => void>();
  #draining = false;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  /** From now on nothing new is accepted, and nobody is kept waiting. */
  drain(): void {
    this.#draining = true;
    for (const endWait of this.#waits.items()) endWait();
  }

  async createRun(command: CreateRun): Promise<Creation> {
    this.#refuseWhenDraining();
    const created = await answering(this.#parts.creator.create(command));
    if (created.kind === 'new') return { run: created.run, replayed: false };
    return { run: await this.getRun({ tenant: command.tenant, runId: created.runId }), replayed: true };
  }

  async getRun(key: RunKey): Promise<Run> {
    const { archive } = this.#parts;
    const run = archive.recall(key) ?? (await answering(archive.find(key)));
    if (run === null) throw new GatewayError('run_not_found');
    return run;
  }

  async awaitRun(key: RunKey, blockMs: number, signal: AbortSignal): Promise<Run> {
    if (blockMs <= 0 || this.#draining) return await this.getRun(key);
    // Listening starts before the first look, so that no change falls between the two.
    const wait = this.#waitForNews(key, blockMs, signal);
    try {
      const run = await this.getRun(key);
      if (run.status !== 'pending') return run;
      return (await wait.settled) ?? (await this.getRun(key));
    } finally {
      wait.cancel();
    }
  }

  async watchRun(key: RunKey, afterSeq: number): Promise<RunFeed> {
    await this.getRun(key);
    return new Feed(this.#parts.store, this.#parts.watch, key, afterSeq);
  }

  async resumeRun(key: RunKey, payload: Json): Promise<Run> {
    this.#refuseWhenDraining();
    const run = await this.getRun(key);
    if (run.phase !== 'interrupted' || run.outcome?.kind !== 'interrupt') throw new GatewayError('run_not_interrupted');
    const violation = this.#parts.agents.find(run.agentId)?.checkResume(run.outcome.payload, payload) ?? null;
    if (violation !== null)
      throw new GatewayError('invalid_input', { path: violation.path, detail: violation.message });
    const written = await answering(this.#parts.journal.write(run, { kind: 'resume', payload }));
    // Whoever came first has the interrupt; a second answer to it must not reach the vendor.
    if (written.kind !== 'written') throw new GatewayError('run_not_interrupted');
    return written.run;
  }

  async cancelRun(
    key: RunKey,
    options: { readonly action: 'interrupt' | 'rollback'; readonly wait: boolean },
  ): Promise<Run> {
    const ended = options.action === 'rollback' ? await this.deleteRun(key) : await this.#end(key);
    if (options.wait) await this.#parts.terminator.settleRun(key.runId);
    return ended;
  }

  async deleteRun(key: RunKey): Promise<Run> {
    for (;;) {
      const ended = await this.#end(key);
      if (await answering(this.#parts.journal.remove(ended))) return ended;
      // It changed, or is gone: what is remembered of it must not be asked again.
      this.#parts.archive.forget(key.runId);
    }
  }

  /** The run at its end: cancelled now, or as it ended before. */
  async #end(key: RunKey): Promise<Run> {
    const run = await this.getRun(key);
    if (run.phase === 'done') return run;
    const ended = await answering(this.#parts.terminator.cancel(run, this.#parts.agents.find(run.agentId)));
    if (ended === null) throw new GatewayError('run_not_found');
    return ended;
  }

  readonly createThread: UseCases['createThread'] = (command) => this.#parts.threads.createThread(command);
  readonly getThread: UseCases['getThread'] = (key) => this.#parts.threads.getThread(key);
  readonly searchThreads: UseCases['searchThreads'] = (query) => this.#parts.threads.searchThreads(query);
  readonly patchThread: UseCases['patchThread'] = (key, patch) => this.#parts.threads.patchThread(key, patch);
  readonly copyThread: UseCases['copyThread'] = (key) => this.#parts.threads.copyThread(key);
  readonly deleteThread: UseCases['deleteThread'] = async (key) => {
    await this.#parts.threads.deleteThread(key);
    this.#parts.archive.forgetThread(key.threadId);
    this.#parts.watch.tellThread(key.threadId);
  };
  readonly threadHistory: UseCases['threadHistory'] = (key, query) => this.#parts.threads.threadHistory(key, query);
  readonly findCheckpoint: UseCases['findCheckpoint'] = (key, id) => this.#parts.threads.findCheckpoint(key, id);
  readonly watchThread: UseCases['watchThread'] = (key, watch) => this.#parts.threads.watchThread(key, watch);
  readonly stateAfterRun: UseCases['stateAfterRun'] = (key) => this.#parts.threads.stateAfterRun(key);

  readonly putItem: UseCases['putItem'] = (command) => this.#parts.items.putItem(command);
  readonly getItem: UseCases['getItem'] = (key) => this.#parts.items.getItem(key);
  readonly deleteItem: UseCases['deleteItem'] = (key) => this.#parts.items.deleteItem(key);
  readonly searchItems: UseCases['searchItems'] = (query) => this.#parts.items.searchItems(query);
  readonly listNamespaces: UseCases['listNamespaces'] = (query) => this.#parts.items.listNamespaces(query);

  searchRuns(query: RunQuery): Promise<readonly Run[]> {
    return answering(this.#parts.store.search(query));
  }

  getAgent(idOrName: string): Agent {
    const agent = this.#parts.agents.find(idOrName);
    if (agent === null) throw new GatewayError('agent_not_found');
    return agent;
  }

  searchAgents(query: AgentQuery): readonly Agent[] {
    return this.#parts.agents.all
      .filter((agent) => query.name === undefined || agent.name === query.name)
      .filter((agent) => query.version === undefined || agent.version === query.version)
      .slice(query.offset, query.offset + query.limit);
  }

  /** Settles with the run once it is not pending, or with null when time is over, the client left, or it was removed. */
  #waitForNews(key: RunKey, blockMs: number, signal: AbortSignal) {
    let settle: (run: Run | null) => void = () => {};
    const settled = new Promise<Run | null>((resolve) => {
      settle = resolve;
    });
    const unsubscribe = this.#parts.watch.subscribe(key, (news: News) => {
      if (news.run === null || news.run.status !== 'pending') settle(news.run);
    });
    const cancelTimer = this.#parts.clock.schedule(blockMs, () => settle(null));
    const endWait = () => settle(null);
    const seat = this.#waits.add(endWait);
    signal.addEventListener('abort', endWait, { once: true });
    if (signal.aborted) endWait();
    const cancel = () => {
      unsubscribe();
      cancelTimer();
      this.#waits.remove(seat);
      signal.removeEventListener('abort', endWait);
    };
    return { settled, cancel };
  }

  #refuseWhenDraining(): void {
    if (this.#draining) throw new GatewayError('draining', { retryAfterSeconds: drainRetryAfterSeconds });
  }
}
