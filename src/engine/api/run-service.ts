import { LinkedList } from '../../collections/linked-list.ts';
import type { AgentQuery, CreateRun, Creation, RunFeed, UseCases } from '../../contract/api/use-cases.ts';
import type { Agent, AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { RunQuery, Store } from '../../contract/store/store.ts';
import type { EventBus, RunNotification } from '../events/event-bus.ts';
import { RunEventStream } from '../events/run-event-stream.ts';
import type { RunCache } from '../state/run-cache.ts';
import type { RunWriter } from '../state/run-writer.ts';
import type { Canceller } from '../worker/canceller.ts';
import type { RunCreator } from './create-run.ts';
import type { ItemService } from './item-service.ts';
import { translateStorageFault } from './storage-errors.ts';
import type { ThreadService } from './thread-service.ts';

export type RunServiceDeps = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly cache: RunCache;
  readonly writer: RunWriter;
  readonly bus: EventBus;
  readonly canceller: Canceller;
  readonly creator: RunCreator;
  readonly threads: ThreadService;
  readonly items: ItemService;
  readonly clock: Clock;
};

const drainRetryAfterSeconds = 5;

/** The use cases: what a protocol can ask for. */
export class RunService implements UseCases {
  readonly #deps: RunServiceDeps;
  /** Ends each wait under way. */
  readonly #waits = new LinkedList<() => void>();
  #draining = false;

  constructor(deps: RunServiceDeps) {
    this.#deps = deps;
  }

  /** From now on nothing new is accepted, and nobody is kept waiting. */
  drain(): void {
    this.#draining = true;
    for (const endWait of this.#waits.items()) endWait();
  }

  async createRun(command: CreateRun): Promise<Creation> {
    this.#refuseWhenDraining();
    const created = await translateStorageFault(this.#deps.creator.create(command));
    if (created.kind === 'new') return { run: created.run, replayed: false };
    return { run: await this.getRun({ tenant: command.tenant, runId: created.runId }), replayed: true };
  }

  async getRun(key: RunKey): Promise<Run> {
    const { cache } = this.#deps;
    const run = cache.peek(key) ?? (await translateStorageFault(cache.find(key)));
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
    return new RunEventStream(this.#deps.store, this.#deps.bus, key, afterSeq);
  }

  async resumeRun(key: RunKey, payload: Json): Promise<Run> {
    this.#refuseWhenDraining();
    const run = await this.getRun(key);
    if (run.phase !== 'interrupted' || run.outcome?.kind !== 'interrupt') throw new GatewayError('run_not_interrupted');
    const violation = this.#deps.agents.find(run.agentId)?.checkResume(run.outcome.payload, payload) ?? null;
    if (violation !== null)
      throw new GatewayError('invalid_input', { path: violation.path, detail: violation.message });
    const written = await translateStorageFault(this.#deps.writer.write(run, { kind: 'resume', payload }));
    // Whoever came first has the interrupt; a second answer to it must not reach the vendor.
    if (written.kind !== 'written') throw new GatewayError('run_not_interrupted');
    return written.run;
  }

  async cancelRun(
    key: RunKey,
    options: { readonly action: 'interrupt' | 'rollback'; readonly wait: boolean },
  ): Promise<Run> {
    const ended = options.action === 'rollback' ? await this.deleteRun(key) : await this.#end(key);
    if (options.wait) await this.#deps.canceller.settleRun(key.runId);
    return ended;
  }

  async deleteRun(key: RunKey): Promise<Run> {
    for (;;) {
      const ended = await this.#end(key);
      if (await translateStorageFault(this.#deps.writer.remove(ended))) return ended;
      // It changed, or is gone: what is remembered of it must not be asked again.
      this.#deps.cache.forget(key.runId);
    }
  }

  /** The run at its end: cancelled now, or as it ended before. */
  async #end(key: RunKey): Promise<Run> {
    const run = await this.getRun(key);
    if (run.phase === 'done') return run;
    const ended = await translateStorageFault(this.#deps.canceller.cancel(run, this.#deps.agents.find(run.agentId)));
    if (ended === null) throw new GatewayError('run_not_found');
    return ended;
  }

  readonly createThread: UseCases['createThread'] = (command) => this.#deps.threads.createThread(command);
  readonly getThread: UseCases['getThread'] = (key) => this.#deps.threads.getThread(key);
  readonly searchThreads: UseCases['searchThreads'] = (query) => this.#deps.threads.searchThreads(query);
  readonly patchThread: UseCases['patchThread'] = (key, patch) => this.#deps.threads.patchThread(key, patch);
  readonly copyThread: UseCases['copyThread'] = (key) => this.#deps.threads.copyThread(key);
  readonly deleteThread: UseCases['deleteThread'] = async (key) => {
    await this.#deps.threads.deleteThread(key);
    this.#deps.cache.forgetThread(key.threadId);
    this.#deps.bus.notifyThread(key.threadId);
  };
  readonly threadHistory: UseCases['threadHistory'] = (key, query) => this.#deps.threads.threadHistory(key, query);
  readonly findCheckpoint: UseCases['findCheckpoint'] = (key, id) => this.#deps.threads.findCheckpoint(key, id);
  readonly watchThread: UseCases['watchThread'] = (key, bus) => this.#deps.threads.watchThread(key, bus);
  readonly stateAfterRun: UseCases['stateAfterRun'] = (key) => this.#deps.threads.stateAfterRun(key);

  readonly putItem: UseCases['putItem'] = (command) => this.#deps.items.putItem(command);
  readonly getItem: UseCases['getItem'] = (key) => this.#deps.items.getItem(key);
  readonly deleteItem: UseCases['deleteItem'] = (key) => this.#deps.items.deleteItem(key);
  readonly searchItems: UseCases['searchItems'] = (query) => this.#deps.items.searchItems(query);
  readonly listNamespaces: UseCases['listNamespaces'] = (query) => this.#deps.items.listNamespaces(query);

  searchRuns(query: RunQuery): Promise<readonly Run[]> {
    return translateStorageFault(this.#deps.store.search(query));
  }

  getAgent(idOrName: string): Agent {
    const agent = this.#deps.agents.find(idOrName);
    if (agent === null) throw new GatewayError('agent_not_found');
    return agent;
  }

  searchAgents(query: AgentQuery): readonly Agent[] {
    return this.#deps.agents.all
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
    const unsubscribe = this.#deps.bus.subscribe(key, (notification: RunNotification) => {
      if (notification.run === null || notification.run.status !== 'pending') settle(notification.run);
    });
    const cancelTimer = this.#deps.clock.schedule(blockMs, () => settle(null));
    const endWait = () => settle(null);
    const node = this.#waits.add(endWait);
    signal.addEventListener('abort', endWait, { once: true });
    if (signal.aborted) endWait();
    const cancel = () => {
      unsubscribe();
      cancelTimer();
      this.#waits.remove(node);
      signal.removeEventListener('abort', endWait);
    };
    return { settled, cancel };
  }

  #refuseWhenDraining(): void {
    if (this.#draining) throw new GatewayError('draining', { retryAfterSeconds: drainRetryAfterSeconds });
  }
}
