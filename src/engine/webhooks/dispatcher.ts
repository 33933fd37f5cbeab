import type { Clock } from '../../contract/domain/clock.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { Tracer } from '../../contract/domain/trace.ts';
import type {
  Delivery,
  Outbox,
  RunEncoder,
  Settlement,
  WebhookAnswer,
  WebhookSender,
} from '../../contract/domain/webhook.ts';
import { Sleeper } from '../sleeper.ts';
import { Bodies, type SentBody } from './bodies.ts';
import { FairShare } from './fair-share.ts';
import { decideRetry } from './retry-policy.ts';
import type { Signer } from './signer.ts';

export type WebhookDispatcherDeps = {
  readonly outbox: Outbox;
  /** Whether other processes may write to the store. */
  readonly shared: boolean;
  readonly sender: WebhookSender;
  readonly sign: Signer;
  readonly encodeRun: RunEncoder;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracer?: Tracer | undefined;
  readonly giveUpMs: number;
  /** The sender's time-out of one attempt. */
  readonly timeoutMs: number;
};

/** Receivers that one query examines. */
const maxExamined = 256;
/** Added to the longest attempt for the lease, for the writes around it. */
const leaseMarginMs = 5000;
/** How often the outbox is read for what other processes left: a dead replica, or an operator's redrive. */
const sharedSweepMs = 2000;
/** The same where one process has the store, whose own changes wake the dispatcher. */
const ownSweepMs = 5000;
const faultPauseMs = 1000;
/** How long attempts under way may take to end when the process stops. */
const stopGraceMs = 2000;

/**
 * Sends the outbox's deliveries to their receivers. Receivers take turns, and the attempts under way are bounded for each
 * receiver and each tenant, so that a slow receiver or a large backlog delays no one else.
 */
export class WebhookDispatcher {
  readonly #deps: WebhookDispatcherDeps;
  readonly #sleeper: Sleeper;
  readonly #underWay = new Set<Promise<void>>();
  readonly #fairShare = new FairShare();
  readonly #bodies: Bodies;
  readonly #abort = new AbortController();
  /** The receiver that had the last turn. */
  #cursor = '';
  /** Added to the monotonic time it gives a wall clock that does not step while the process lives. */
  readonly #steadyOffsetMs: number;
  #stopped = false;
  #working: Promise<void> = Promise.resolve();

  constructor(deps: WebhookDispatcherDeps) {
    this.#deps = deps;
    this.#sleeper = new Sleeper(deps.clock);
    this.#bodies = new Bodies(deps.outbox, deps.encodeRun);
    this.#steadyOffsetMs = deps.clock.nowMs() - deps.clock.monotonicMs();
  }

  start(): void {
    this.#working = this.#work();
  }

  /** Called after a delivery is added to the outbox. */
  wake(): void {
    this.#sleeper.wake();
  }

  /** Lets attempts under way end for a moment; the others are aborted and left to the next dispatcher. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#sleeper.wake();
    await this.#working;
    const cancel = this.#deps.clock.schedule(stopGraceMs, () => this.#abort.abort());
    await Promise.all(this.#underWay);
    cancel();
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      let idleMs: number;
      try {
        idleMs = await this.#round();
      } catch (error) {
        this.#deps.log.warn({ err: error }, 'reading the webhook outbox failed; retrying');
        idleMs = faultPauseMs;
      }
      if (idleMs > 0 && !this.#stopped) {
        await this.#sleeper.sleep(Math.min(idleMs, this.#deps.shared ? sharedSweepMs : ownSweepMs));
      }
    }
  }

  /** Continues from the end of the last round to the last receiver; resolves with how long nothing is due afterwards. */
  async #round(): Promise<number> {
    const { outbox } = this.#deps;
    const isWhole = this.#cursor === '';
    if (isWhole) this.#fairShare.beginWalk();
    let soonestMs = Number.POSITIVE_INFINITY;
    let claimed = 0;
    do {
      const found = await outbox.receivers({ after: this.#cursor, examine: maxExamined, nowMs: this.#steadyNowMs });
      soonestMs = Math.min(soonestMs, found.waitMs ?? soonestMs);
      claimed += await this.#visit(found.due);
      // The end of an attempt wakes the loop; a receiver that had no turn comes next.
      if (this.#fairShare.free === 0 || this.#bodies.areFull) return Number.POSITIVE_INFINITY;
      this.#cursor = this.#fairShare.skip(found.next);
    } while (this.#cursor !== '' && !this.#stopped);
    const isOver = !this.#fairShare.endWalk();
    return isWhole && isOver && claimed === 0 ? soonestMs : 0;
  }

  /** Due times and leases are read and written by this, so that a step of the wall clock neither delays nor hastens an attempt. */
  get #steadyNowMs(): number {
    return this.#steadyOffsetMs + this.#deps.clock.monotonicMs();
  }

  /** Leases and sends due deliveries within the bounds; resolves with their number. */
  async #visit(due: readonly string[]): Promise<number> {
    const { outbox, timeoutMs } = this.#deps;
    let left = due;
    let count = 0;
    while (left.length > 0 && !this.#stopped) {
      // The end of an attempt wakes the loop.
      if (this.#bodies.areFull) break;
      // While bodies are large, one claim must not bring many of them into memory.
      const { receivers, each, rest } = this.#fairShare.select(left, this.#bodies.areLarge ? 1 : left.length);
      if (receivers.length === 0) break;
      const nowMs = this.#steadyNowMs;
      const deliveries = await outbox.claim({
        receivers,
        each: this.#bodies.areLarge ? 1 : each,
        leaseMs: timeoutMs + leaseMarginMs,
        nowMs,
      });
      for (const delivery of deliveries) this.#send(delivery);
      if (this.#bodies.areLarge) await this.#bodies.whenMade();
      count += deliveries.length;
      left = rest;
      this.#cursor = receivers.at(-1) ?? this.#cursor;
    }
    return count;
  }

  #send(delivery: Delivery): void {
    const { receiver } = delivery;
    this.#fairShare.begin(receiver);
    const attempt = this.#attempt(delivery)
      .catch((error: unknown) =>
        this.#deps.log.warn(
          { err: error, run_id: delivery.runId },
          'recording a webhook attempt failed; it will be repeated',
        ),
      )
      .finally(() => {
        this.#underWay.delete(attempt);
        this.#fairShare.end(receiver);
        this.#sleeper.wake();
      });
    this.#underWay.add(attempt);
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const settlement = await this.#settlementOf(delivery);
    if (settlement.kind !== 'returned' || this.#abort.signal.aborted) this.#note(delivery, settlement);
    await this.#deps.outbox.settle(delivery, settlement, this.#steadyNowMs);
  }

  async #settlementOf(delivery: Delivery): Promise<Settlement> {
    const { clock, giveUpMs } = this.#deps;
    const { signal } = this.#abort;
    const body = await this.#bodies.take(delivery);
    // There is no room for the body now.
    if (body.kind === 'later') return { kind: 'returned' };
    if (body.kind === 'removed') return { kind: 'failed', failure: 'its webhook was removed' };
    const answer: WebhookAnswer =
      body.kind === 'gone'
        ? { kind: 'failed', reason: 'its run was removed' }
        : await this.#post(delivery, body, signal);
    // The delivery's beginning is the wall clock's: a step must never give it up early.
    const nowMs = Math.min(this.#steadyNowMs, clock.nowMs());
    // An attempt that the stop aborted says nothing about the receiver.
    if (signal.aborted && answer.kind === 'failed') return { kind: 'returned' };
    return decideRetry(delivery, answer, { nowMs, random: clock.random(), giveUpMs });
  }

  async #post(delivery: Delivery, body: SentBody, signal: AbortSignal): Promise<WebhookAnswer> {
    const { sender, sign, clock, tracer } = this.#deps;
    const { text, trace } = body;
    const attributes = { run_id: delivery.runId, attempt: delivery.attempts + 1 };
    const span = tracer?.begin('webhook', { parent: trace, kind: 'client', attributes });
    try {
      // Ours come last: the receiver's own take the place of none of them.
      const signed = sign({ ...delivery, body: text }, clock.nowMs());
      const headers = { ...body.headers, ...(span?.context ?? trace), ...signed };
      const answer = await sender.post({ url: delivery.url, body: text, headers, signal });
      if (answer.kind === 'answered') span?.end({ 'http.response.status_code': answer.status });
      else span?.end({}, answer.reason);
      return answer;
    } finally {
      this.#bodies.free(text);
    }
  }

  #note({ runId, seq, tenant, url, attempts }: Delivery, settlement: Settlement): void {
    const { log, metrics } = this.#deps;
    metrics.count('webhook_attempts', { result: settlement.kind });
    // Not the URL, because some receivers keep a secret in its path.
    const fields = { run_id: runId, seq, tenant, receiver: URL.parse(url)?.host, attempts: attempts + 1 };
    if (settlement.kind === 'failed' || settlement.kind === 'stopped') {
      log.warn({ ...fields, reason: settlement.failure }, 'webhook given up');
    } else log.debug({ ...fields, result: settlement.kind }, 'webhook attempted');
  }
}
