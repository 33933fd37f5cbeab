import type { Agent } from '../../contract/domain/agent.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Backend } from './backends.ts';
import type { Permit, QueueEntry, Urgency } from './call-queue.ts';

/** One run's way to its backend: the slot that it holds there, and the call that it waits to make. */
export class RunPermit {
  readonly #backend: Backend;
  readonly #agentId: string;
  readonly #runId: string;
  readonly #log: Log;
  readonly #sink: { readonly url: string } | null;
  /** Only a run that has to wait needs one; most never do. */
  #abort: AbortController | null = null;
  #isOver = false;
  #entry: QueueEntry | null = null;
  #saidWait = false;

  constructor(backend: Backend, agent: Agent, run: Run, log: Log) {
    this.#backend = backend;
    this.#agentId = agent.agentId;
    this.#runId = run.runId;
    this.#log = log;
    const isPushed =
      backend.push !== null &&
      agent.capabilities.push &&
      agent.connection.ownsSink?.(agent.target, run.request.config ?? {}) !== true;
    this.#sink = isPushed ? (backend.push?.sinkFor(run.runId) ?? null) : null;
    if (run.phase !== 'queued') backend.concurrency.hold(run.runId);
  }

  /** Where the vendor is to tell us of the run; null where it cannot. */
  get sink(): { readonly url: string } | null {
    return this.#sink;
  }

  /** Whether the run's end will be told, as far as the newest runs let expect. */
  get isPushed(): boolean {
    return this.#sink !== null && this.#backend.push?.isAlive === true;
  }

  /** How long a look would wait for the budget. */
  backlogMs(urgency: Urgency): number {
    return this.#backend.callQueue.backlogMs(urgency);
  }

  /** The run ended and nobody had told us. */
  noteSilentEnd(): void {
    if (this.#sink !== null) this.#backend.push?.noteSilentEnd();
  }

  /** Waits for a slot, then for the call; the run stays queued. Null: the run is over. */
  async enterToStart(): Promise<Permit | null> {
    const { concurrency } = this.#backend;
    if (this.#isOver) return null;
    const hasSlot =
      concurrency.tryTake(this.#runId) ||
      (await concurrency.take(this.#agentId, this.#runId, this.#signal, () => this.#sayWait()));
    if (!hasSlot) return null;
    const permit = await this.enter('start');
    if (permit === null) this.leave();
    return permit;
  }

  /** A slot and a call that are free now. Null: the run has to wait for one of them, or is over. */
  tryEnterToStart(): Permit | null {
    if (this.#isOver || !this.#backend.concurrency.tryTake(this.#runId)) return null;
    const permit = this.#backend.callQueue.tryEnter('start');
    if (permit === null) this.leave();
    return permit;
  }

  /** The start is durable: the vendor may be asked. */
  began(): void {
    this.#backend.concurrency.began(this.#runId);
  }

  /** The run is live at the vendor no longer, or not yet. */
  leave(): void {
    this.#backend.concurrency.free(this.#runId);
  }

  /** Waits for the turn of one call. Null: the run is over. */
  async enter(urgency: Urgency): Promise<Permit | null> {
    const { callQueue } = this.#backend;
    const free = this.#isOver ? null : callQueue.tryEnter(urgency);
    if (free !== null) return free;
    this.#entry = callQueue.enter(urgency, this.#signal);
    const permit = await this.#entry.passed;
    this.#entry = null;
    return permit;
  }

  /** Somebody came to watch. */
  hurry(): void {
    this.#entry?.hurry();
  }

  /** The run is over: it waits for nothing more. */
  abort(reason: string): void {
    this.#isOver = true;
    this.#abort?.abort(reason);
  }

  get #signal(): AbortSignal {
    if (this.#isOver) return AbortSignal.abort();
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  #sayWait(): void {
    if (this.#saidWait) return;
    this.#saidWait = true;
    this.#log.info({ waits_for: 'maxConcurrentRuns' }, 'the run waits until another one of its backend ends');
  }
}
