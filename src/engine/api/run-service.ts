import { LinkedList } from '../../collections/linked-list.ts';
import type {
  CancelOptions,
  CreatedRun,
  CreateRun,
  QuestionAnswers,
  ResumedRun,
  ResumeOptions,
  Runs,
} from '../../contract/api/runs.ts';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { EventBatches, RunEvent } from '../../contract/domain/event.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run, RunKey, RunSummary } from '../../contract/domain/run.ts';
import type { NewRunWebhook, RunWebhook } from '../../contract/domain/run-webhook.ts';
import type { Rows } from '../../contract/store/rows.ts';
import type { RunConditions, RunQuery, Store } from '../../contract/store/store.ts';
import type { EventBus, RunNotification } from '../events/event-bus.ts';
import { LargeEvents } from '../events/large-events.ts';
import { RecentReaders } from '../events/recent-readers.ts';
import { RunEventStream } from '../events/run-event-stream.ts';
import { agentOf } from '../placement.ts';
import type { RunCache } from '../state/run-cache.ts';
import type { RunWriter } from '../state/run-writer.ts';
import { translateRowFaults, translateStorageFault } from '../storage-errors.ts';
import type { Canceller } from '../worker/canceller.ts';
import type { LiveRuns } from '../worker/live-runs.ts';
import type { UpstreamStopper } from '../worker/upstream-stopper.ts';
import { AnswerTaker } from './answer-taker.ts';
import type { RunCreator } from './create-run.ts';
import { checkFilter } from './search-filter.ts';
import { WebhookService } from './webhook-service.ts';

export type RunServiceDeps = {
  /** Whether operators drain this replica: then it takes no new work. */
  readonly isDraining: () => boolean;
  /** The runs that this process drives. */
  readonly live: Pick<LiveRuns, 'isPending' | 'waitingFor'>;
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly cache: RunCache;
  readonly writer: RunWriter;
  readonly bus: EventBus;
  readonly canceller: Canceller;
  readonly stopper: UpstreamStopper;
  readonly creator: RunCreator;
  readonly clock: Clock;
};

const drainRetryAfterSeconds = 5;

/** The use cases of runs. */
export class RunService implements Runs {
  readonly #deps: RunServiceDeps;
  /** Ends each wait under way. */
  readonly #waits = new LinkedList<() => void>();
  readonly #large = new LargeEvents();
  readonly #readers: RecentReaders;
  readonly #webhooks: WebhookService;
  readonly #answers: AnswerTaker;
  /** Counts under way, by what is counted. */
  readonly #counts = new Map<string, Promise<number>>();
  #draining = false;

  constructor(deps: RunServiceDeps) {
    this.#deps = deps;
    this.#readers = new RecentReaders(deps.bus, deps.clock);
    this.#webhooks = new WebhookService(deps);
    this.#answers = new AnswerTaker(deps);
  }

  /** Refuses new runs and resumptions from now on, and ends every wait. */
  drain(): void {
    this.#draining = true;
    for (const endWait of this.#waits.items()) endWait();
    this.#readers.close();
  }

  async create(command: CreateRun): Promise<CreatedRun> {
    this.#refuseWhenDraining();
    const created = await translateStorageFault(this.#deps.creator.create(command));
    if (created.kind === 'new') return { run: this.#withWaiting(created.run), replayed: false };
    return { run: await this.get({ tenant: command.tenant, runId: created.runId }), replayed: true };
  }

  async get(key: RunKey): Promise<Run> {
    // Most runs that clients ask for are at hand, and need no further promise.
    return this.#withWaiting(this.#deps.cache.peek(key) ?? (await this.#read(key)));
  }

  async poll(key: RunKey): Promise<Run> {
    const run = await this.get(key);
    if (run.phase !== 'done' && !this.#draining) this.#readers.note(key);
    return run;
  }

  async #read(key: RunKey): Promise<Run> {
    const { cache } = this.#deps;
    const run = cache.peek(key) ?? (await translateStorageFault(cache.find(key)));
    if (run === null) throw new GatewayError('run_not_found');
    return run;
  }

  async wait(key: RunKey, blockMs: number, signal: AbortSignal): Promise<Run> {
    if (blockMs <= 0 || this.#draining) return await this.get(key);
    // Subscribes before the first read, so that no change is missed between the two.
    const wait = this.#waitForNews(key, blockMs, signal);
    try {
      // A run that another replica has ended since is known as pending until the notification of that, or the sweep behind it:
      // both end a wait that has begun.
      if (!this.#deps.live.isPending(key)) {
        const run = await this.#read(key);
        if (run.status !== 'pending') return run;
      }
      return (await wait.settled) ?? (await this.get(key));
    } finally {
      wait.cancel();
    }
  }

  async watch(key: RunKey, afterSeq: number): Promise<EventBatches<RunEvent>> {
    await this.#read(key);
    const { store, bus } = this.#deps;
    return new RunEventStream({ store, bus, large: this.#large }, key, afterSeq);
  }

  async resume(key: RunKey, payload: Json, options: ResumeOptions = {}): Promise<ResumedRun> {
    this.#refuseWhenDraining();
    return this.#withWaitingIn(await this.#answers.take(key, payload, options));
  }

  async answer(key: RunKey, answers: QuestionAnswers): Promise<Run> {
    this.#refuseWhenDraining();
    return this.#withWaiting(await this.#answers.takeSome(key, answers));
  }

  /** Resumes the run that has a thread: see {@link Threads.resume}. */
  async answerInterrupt(
    key: RunKey,
    payload: Json,
    options: ResumeOptions & { readonly threadId: string; readonly agentIds?: readonly string[] | undefined },
  ): Promise<ResumedRun> {
    this.#refuseWhenDraining();
    return this.#withWaitingIn(await this.#answers.takeOfThread(key, payload, options));
  }

  #withWaitingIn(resumed: ResumedRun): ResumedRun {
    return { ...resumed, run: this.#withWaiting(resumed.run) };
  }

  async cancel(key: RunKey, options: CancelOptions): Promise<Run> {
    const ended = options.action === 'rollback' ? await this.delete(key) : await this.#end(key);
    if (options.wait) await this.#deps.stopper.settleRun(key.runId);
    return ended;
  }

  async delete(key: RunKey): Promise<Run> {
    for (;;) {
      const ended = await this.#end(key);
      if (await translateStorageFault(this.#deps.writer.remove(ended))) return ended;
      // The run changed or is gone, so the cached copy is stale.
      this.#deps.cache.delete(key.runId);
    }
  }

  /** The run at its end: cancelled by this call, or as it had ended before. */
  async #end(key: RunKey): Promise<Run> {
    const run = await this.#read(key);
    if (run.phase === 'done') return run;
    const ended = await translateStorageFault(this.#deps.canceller.cancel(run, agentOf(this.#deps.agents, run)));
    if (ended === null) throw new GatewayError('run_not_found');
    return ended;
  }

  /** A pending run with what it waits for now, as far as this process knows; else as another replica recorded it. */
  #withWaiting(run: Run): Run {
    if (run.status !== 'pending') return run;
    const waiting = this.#deps.live.waitingFor(run.runId);
    if (waiting === undefined || (waiting === null && run.waiting === undefined)) return run;
    return { ...run, waiting: waiting ?? undefined };
  }

  search(query: RunQuery): Rows<RunSummary> {
    checkFilter('metadata', query.metadata);
    return translateRowFaults(this.#deps.store.search(query));
  }

  async count(conditions: RunConditions): Promise<number> {
    checkFilter('metadata', conditions.metadata);
    // Those who ask for the same at the same time share the work, which grows with the tenant's runs.
    const name = JSON.stringify(conditions);
    const counting = this.#counts.get(name) ?? this.#deps.store.count(conditions);
    this.#counts.set(name, counting);
    try {
      return await translateStorageFault(counting);
    } finally {
      this.#counts.delete(name);
    }
  }

  webhooks(key: RunKey): Promise<readonly RunWebhook[]> {
    return this.#webhooks.list(key);
  }

  putWebhook(key: RunKey, webhook: NewRunWebhook): Promise<RunWebhook> {
    return this.#webhooks.put(key, webhook);
  }

  removeWebhook(key: RunKey, id: string): Promise<boolean> {
    return this.#webhooks.remove(key, id);
  }

  /** Settles with the run once it is not pending; with null on time-out, client disconnect or removal. */
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
    if (!this.#draining && !this.#deps.isDraining()) return;
    const detail = this.#draining ? undefined : 'an operator drains this replica';
    throw new GatewayError('draining', { retryAfterSeconds: drainRetryAfterSeconds, detail });
  }
}
