import type { Agent } from '../../contract/domain/agent.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Backend } from './backends.ts';
import type { Entry, Pass, Urgency } from './call-queue.ts';

/** One run's way to its backend: the slot that it holds there, and the call that it waits to make. */
export class Crossing {
  readonly #backend: Backend;
  readonly #agentId: string;
  readonly #runId: string;
  readonly #log: Log;
  readonly #sink: { readonly url: string } | null;
  /** Only a run that has to wait needs one; most never do. */
  #abort: AbortController | null = null;
  #isOver = false;
  #entry: Entry | null = null;
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
    if (run.phase !== 'queued') backend.slots.hold(run.runId);
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
    return this.#backend.gate.backlogMs(urgency);
  }

  /** The run ended and nobody had told us. */
  noteSilentEnd(): void {
    if (this.#sink !== null) this.#backend.push?.noteSilentEnd();
  }

  /** Waits for a slot, then for the call; the run stays queued. Null: the run is over. */
  async enterToStart(): Promise<Pass | null> {
    const { slots } = this.#backend;
    if (this.#isOver) return null;
    const hasSlot =
      slots.tryTake(this.#runId) || (await slots.take(this.#agentId, this.#runId, this.#signal, () => this.#sayWait()));
    if (!hasSlot) return null;
    const pass = await this.enter('start');
    if (pass === null) this.leave();
    return pass;
  }

  /** A slot and a call that are free now. Null: the run has to wait for one of them, or is over. */
  tryEnterToStart(): Pass | null {
    if (this.#isOver || !this.#backend.slots.tryTake(this.#runId)) return null;
    const pass = this.#backend.gate.tryEnter('start');
    if (pass === null) this.leave();
    return pass;
  }

  /** The start is durable: the vendor may be asked. */
  began(): void {
    this.#backend.slots.began(this.#runId);
  }

  /** The run is live at the vendor no longer, or not yet. */
  leave(): void {
    this.#backend.slots.free(this.#runId);
  }

  /** Waits for the turn of one call. Null: the run is over. */
  async enter(urgency: Urgency): Promise<Pass | null> {
    const { gate } = this.#backend;
    const free = this.#isOver ? null : gate.tryEnter(urgency);
    if (free !== null) return free;
    this.#entry = gate.enter(urgency, this.#signal);
    const pass = await this.#entry.passed;
    this.#entry = null;
    return pass;
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
