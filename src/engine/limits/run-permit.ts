import type { Agent } from '../../contract/domain/agent.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Backend } from './backends.ts';
import type { Permit, QueueEntry, Urgency } from './call-queue.ts';

/** One run's claim on its backend: the slot that it holds there, and the call that it waits to make. */
export class RunPermit {
  readonly #backend: Backend;
  readonly #agentId: string;
  readonly #runId: string;
  readonly #log: Log;
  readonly #sink: { readonly url: string } | null;
  /** Made on demand, because most runs never wait. */
  #abort: AbortController | null = null;
  #isOver = false;
  #entry: QueueEntry | null = null;
  #hasLoggedWait = false;

  constructor(backend: Backend, agent: Agent, run: Run, log: Log) {
    this.#backend = backend;
    this.#agentId = agent.agentId;
    this.#runId = run.runId;
    this.#log = log;
    const isPushed =
      backend.push !== null &&
      agent.capabilities.push &&
      agent.connectionFor(run.tenant).ownsSink?.(agent.target, run.request.config ?? {}) !== true;
    this.#sink = isPushed ? (backend.push?.sinkFor(run.runId) ?? null) : null;
    if (run.phase !== 'queued') backend.concurrency.hold(run.runId);
  }

  /** Where the vendor pushes changes of the run; null where it cannot. */
  get sink(): { readonly url: string } | null {
    return this.#sink;
  }

  /** Whether the vendor is expected to push the run's end, judged by the newest runs. */
  get isPushed(): boolean {
    return this.#sink !== null && this.#backend.push?.isAlive === true;
  }

  /** How long a call would wait for the rate limit. */
  backlogMs(urgency: Urgency): number {
    return this.#backend.callQueue.backlogMs(urgency);
  }

  /** The run ended, and the vendor had pushed nothing. */
  noteUnpushedEnd(): void {
    if (this.#sink !== null) this.#backend.push?.noteUnpushedEnd();
  }

  /** Waits for a slot, then for the call; the run stays queued. Null: the run is over. */
  async waitToStart(): Promise<Permit | null> {
    const { concurrency } = this.#backend;
    if (this.#isOver) return null;
    const hasSlot =
      concurrency.tryAcquire(this.#runId) ||
      (await concurrency.acquire(this.#agentId, this.#runId, this.#signal, () => this.#logWait()));
    if (!hasSlot) return null;
    const permit = await this.waitForCall('start');
    if (permit === null) this.leave();
    return permit;
  }

  /** A slot and a call that are free now. Null: the run has to wait for one of them, or is over. */
  tryToStart(): Permit | null {
    if (this.#isOver || !this.#backend.concurrency.tryAcquire(this.#runId)) return null;
    const permit = this.#backend.callQueue.tryEnter('start');
    if (permit === null) this.leave();
    return permit;
  }

  /** The start is durable: from here on the run counts even if this process dies. */
  markStarted(): void {
    this.#backend.concurrency.markStarted(this.#runId);
  }

  /** Gives the slot back: the run is no longer live at the vendor, or not yet. */
  leave(): void {
    this.#backend.concurrency.release(this.#runId);
  }

  /** Waits for the turn of one call. Null: the run is over. */
  async waitForCall(urgency: Urgency): Promise<Permit | null> {
    const { callQueue } = this.#backend;
    const free = this.#isOver ? null : callQueue.tryEnter(urgency);
    if (free !== null) return free;
    this.#entry = callQueue.enter(urgency, this.#signal);
    const permit = await this.#entry.permit;
    this.#entry = null;
    return permit;
  }

  /** Moves a waiting call up, as for a new watcher. */
  raiseUrgency(): void {
    this.#entry?.raiseUrgency();
  }

  /** Ends every wait: the run is over. */
  abort(reason: string): void {
    this.#isOver = true;
    this.#abort?.abort(reason);
  }

  get #signal(): AbortSignal {
    if (this.#isOver) return AbortSignal.abort();
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  #logWait(): void {
    if (this.#hasLoggedWait) return;
    this.#hasLoggedWait = true;
    this.#log.info({}, 'run queued: maxConcurrentRuns reached');
  }
}
