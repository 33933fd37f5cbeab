import { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import { type CallResult, CircuitBreaker } from './circuit-breaker.ts';
import { type Rate, RateLimit } from './rate-limit.ts';

/** What a call is for. Starts go before polls of watched runs, and those before all other polls. */
export type Urgency = 'start' | 'watched' | 'unwatched';

/** `paused`: the vendor asked for a pause by Retry-After; `down`: the circuit is open. */
export type BackendState = 'up' | 'paused' | 'down';

const urgencies: readonly Urgency[] = ['start', 'watched', 'unwatched'];
/** A call goes before every start that arrives this much later, so that no call waits for ever. */
const handicapMs: Readonly<Record<Urgency, number>> = { start: 0, watched: 10_000, unwatched: 40_000 };
/** A lost answer to a start ends its run, so a poll that is due within this time probes an open circuit instead. */
const startProbeReluctanceMs = 20_000;
/** Between two queued calls after a pause, without a budget to space them: 100 a second, rising until the jam is over. */
const jamSpacingMs = 10;
const jamMs = 10_000;

/** `pausing`: the vendor answered that it takes no calls for a while. */
type PausableResult = CallResult | 'pausing';

type Ticket = { readonly sinceMs: number; readonly admit: (permit: Permit | null) => void };

/** The right to make one call. It counts against the budget until it is sent or released. */
export interface Permit {
  /** Makes the call. Its result updates the circuit and the pause of the backend. */
  send<T>(call: () => Promise<T>): Promise<T>;
  /** Does nothing once the call was sent. */
  release(): void;
}

/** A place in the queue. */
export type QueueEntry = {
  /** Null: the signal fired first. */
  readonly permit: Promise<Permit | null>;
  /** Moves an unwatched poll to the watched ones, because a client watches its run now. */
  raiseUrgency(): void;
};

export type CallQueueDeps = {
  readonly clock: Clock;
  readonly log: Log;
  /** The longest pause before one call probes whether the vendor takes calls again, however long it asked for. */
  readonly maxPauseMs: number;
  /** Called whenever a call has to wait. */
  readonly onWait?: () => void;
};

/** Queues the calls to one backend while its budget is spent, while the vendor asked for a pause, or its circuit is open. */
export class CallQueue {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #limit: RateLimit | null;
  readonly #breaker = new CircuitBreaker();
  readonly #queues: Readonly<Record<Urgency, Set<Ticket>>> = {
    start: new Set(),
    watched: new Set(),
    unwatched: new Set(),
  };
  #pausedUntilMs = 0;
  /** From then on one call may probe the pause. Never after its end. */
  #pauseProbeMs = 0;
  #isProbingPause = false;
  /** Until then the calls that queued up while none could go are spaced out. */
  #jammedUntilMs = 0;
  #lastPermitMs = 0;
  #cancelTimer: () => void = () => {};
  readonly #onWait: () => void;
  readonly #maxPauseMs: number;

  /** Without a rate, only the vendor's pauses and an open circuit delay calls. */
  constructor(deps: CallQueueDeps, rate: Rate | null) {
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#maxPauseMs = deps.maxPauseMs;
    this.#onWait = deps.onWait ?? (() => {});
    this.#limit = rate === null ? null : new RateLimit(rate);
  }

  get state(): BackendState {
    if (!this.#breaker.isClosed) return 'down';
    return this.#clock.monotonicMs() < this.#pausedUntilMs ? 'paused' : 'up';
  }

  /** How long a call that arrives now would wait for the budget, behind those that precede it. */
  backlogMs(urgency: Urgency): number {
    if (this.#limit === null) return 0;
    const before = urgencies.slice(0, urgencies.indexOf(urgency) + 1);
    const waiting = before.reduce((sum, each) => sum + this.#queues[each].size, 0);
    return (waiting / Math.max(1, this.#limit.permits)) * this.#limit.windowMs;
  }

  get waiting(): number {
    const { start, watched, unwatched } = this.#queues;
    return start.size + watched.size + unwatched.size;
  }

  /** Requests of this process that may have arrived within the last second, or may still. */
  get inUse(): number {
    return this.#limit?.inUse(this.#clock.monotonicMs()) ?? 0;
  }

  /** Requests that this process wants to send within a second: those of the last second and the queued ones. */
  get demand(): number {
    return this.inUse + (this.#limit === null ? 0 : this.waiting);
  }

  /** Sets this process's share of the budget, from now on. */
  allow(permits: number): void {
    this.#limit?.allow(permits);
    this.#pump();
  }

  /** A permit for a call that need not wait; null: it has to. */
  tryEnter(urgency: Urgency): Permit | null {
    return this.waiting === 0 && this.#waitMs(urgency) <= 0 ? this.#makePermit() : null;
  }

  enter(urgency: Urgency, signal: AbortSignal): QueueEntry {
    if (signal.aborted) return { permit: Promise.resolve(null), raiseUrgency: () => {} };
    const permit = this.tryEnter(urgency);
    if (permit !== null) return { permit: Promise.resolve(permit), raiseUrgency: () => {} };
    const { promise, resolve } = Promise.withResolvers<Permit | null>();
    let queue = this.#queues[urgency];
    const ticket: Ticket = {
      sinceMs: this.#clock.monotonicMs(),
      admit: (permit) => {
        queue.delete(ticket);
        signal.removeEventListener('abort', leave);
        resolve(permit);
      },
    };
    const leave = (): void => ticket.admit(null);
    signal.addEventListener('abort', leave, { once: true });
    queue.add(ticket);
    this.#pump();
    this.#onWait();
    return {
      permit: promise,
      raiseUrgency: () => {
        if (urgency !== 'unwatched' || !queue.delete(ticket)) return;
        queue = this.#queues.watched;
        queue.add(ticket);
      },
    };
  }

  /** Admits the calls that may go, and schedules itself for when the next one may. */
  #pump(): void {
    this.#cancelTimer();
    for (let next = this.#next(); next !== null; next = this.#next()) {
      const waitMs = this.#waitMs(next.urgency);
      if (waitMs > 0) {
        if (Number.isFinite(waitMs)) this.#cancelTimer = this.#clock.schedule(Math.ceil(waitMs), () => this.#pump());
        return;
      }
      next.ticket.admit(this.#makePermit());
    }
  }

  #waitMs(urgency: Urgency): number {
    const nowMs = this.#clock.monotonicMs();
    const pauseMs = (this.#isProbingPause ? this.#pausedUntilMs : this.#pauseProbeMs) - nowMs;
    const limitMs = this.#limit === null ? this.#jamWaitMs(nowMs) : this.#limit.waitMs(nowMs);
    const reluctanceMs = urgency === 'start' ? startProbeReluctanceMs : 0;
    return Math.max(pauseMs, this.#breaker.waitMs(nowMs, reluctanceMs), limitMs);
  }

  #jamWaitMs(nowMs: number): number {
    const leftShare = Math.min((this.#jammedUntilMs - nowMs) / jamMs, 1);
    return leftShare <= 0 ? 0 : this.#lastPermitMs + jamSpacingMs * leftShare - nowMs;
  }

  #next(): { readonly ticket: Ticket; readonly urgency: Urgency } | null {
    let next: { readonly ticket: Ticket; readonly urgency: Urgency } | null = null;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const urgency of urgencies) {
      const [first] = this.#queues[urgency];
      if (first === undefined) continue;
      if (urgency === 'start' && !this.#breaker.isClosed && this.waiting > this.#queues.start.size) continue;
      if (first.sinceMs + handicapMs[urgency] < dueMs) {
        next = { ticket: first, urgency };
        dueMs = first.sinceMs + handicapMs[urgency];
      }
    }
    return next;
  }

  #makePermit(): Permit {
    this.#limit?.reserve();
    this.#lastPermitMs = this.#clock.monotonicMs();
    const isProbe = this.#breaker.enter();
    const isPauseProbe = this.#clock.monotonicMs() < this.#pausedUntilMs;
    if (isPauseProbe) this.#isProbingPause = true;
    let isOpen = true;
    return {
      release: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#limit?.release();
        if (isPauseProbe) this.#isProbingPause = false;
        this.#settle('unclear', isProbe);
      },
      send: async (call) => {
        isOpen = false;
        const flight = this.#limit?.sent(this.#clock.monotonicMs());
        // A queued call may have waited for this permit to be used.
        if (this.waiting > 0) this.#pump();
        let result: PausableResult = 'unclear';
        try {
          const answer = await call();
          result = 'answered';
          return answer;
        } catch (error) {
          result = this.#judge(error);
          throw error;
        } finally {
          if (flight !== undefined) this.#limit?.landed(flight, this.#clock.monotonicMs());
          if (isPauseProbe) this.#settlePauseProbe(result);
          this.#settle(result, isProbe);
        }
      },
    };
  }

  #judge(error: unknown): PausableResult {
    if (!(error instanceof UpstreamFault)) return 'unclear';
    switch (error.kind) {
      case 'refused':
      case 'reset':
      case 'timeout':
      case 'cut':
        return 'silent';
      case 'aborted':
        return 'unclear';
      default:
        // Only these speak for the whole account; any other answer with a Retry-After slows its own run alone.
        if (error.retryAfterMs !== null && (error.httpStatus === 429 || error.httpStatus === 503)) {
          this.#pause(error.retryAfterMs);
          return 'pausing';
        }
        return 'answered';
    }
  }

  #pause(retryAfterMs: number): void {
    const untilMs = this.#clock.monotonicMs() + retryAfterMs;
    const probeMs = Math.min(untilMs, this.#clock.monotonicMs() + this.#maxPauseMs);
    if (probeMs <= this.#pauseProbeMs && untilMs <= this.#pausedUntilMs) return;
    if (this.state !== 'paused')
      this.#log.warn({ retry_after_ms: retryAfterMs }, 'backend rate-limited; pausing calls');
    this.#pausedUntilMs = Math.max(untilMs, this.#pausedUntilMs);
    this.#pauseProbeMs = Math.max(probeMs, this.#pauseProbeMs);
    this.#jammedUntilMs = this.#pausedUntilMs + jamMs;
  }

  /** Any answer but another request for a pause ends the pause before its time. */
  #settlePauseProbe(result: PausableResult): void {
    this.#isProbingPause = false;
    if (result === 'pausing') return;
    if (result === 'answered') {
      this.#pausedUntilMs = this.#clock.monotonicMs();
      this.#jammedUntilMs = this.#pausedUntilMs + jamMs;
    } else this.#pauseProbeMs = this.#clock.monotonicMs() + this.#maxPauseMs;
  }

  #settle(result: PausableResult, isProbe: boolean): void {
    const shown: CallResult = result === 'pausing' ? 'answered' : result;
    const change = this.#breaker.settle(shown, isProbe, {
      nowMs: this.#clock.monotonicMs(),
      random: this.#clock.random(),
    });
    if (change === 'opened') {
      this.#log.warn({}, 'circuit opened; probing with backoff');
    } else if (change === 'closed') {
      this.#jammedUntilMs = this.#clock.monotonicMs() + jamMs;
      this.#log.info({}, 'circuit closed');
    }
    if (this.waiting > 0) this.#pump();
  }
}
