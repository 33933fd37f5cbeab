import type { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { TraceContext } from '../../contract/domain/trace.ts';
import { type AccountHealth, type AccountState, type Hindrance, type Probes, pausesAccount } from './account-health.ts';
import { CallPermit, type Permit, type PermittedRequest } from './call-permit.ts';
import { CallStatistics } from './call-statistics.ts';
import { type Flight, type Rate, RateLimit } from './rate-limit.ts';
import { Turns } from './turns.ts';

/** What a call is for. Starts go before polls of watched runs, and those before all other polls. */
export type Urgency = 'start' | 'watched' | 'unwatched';

const urgencies: readonly Urgency[] = ['start', 'watched', 'unwatched'];
/** A call goes before every start that arrives this much later, so that no call waits for ever. */
const handicapMs: Readonly<Record<Urgency, number>> = { start: 0, watched: 10_000, unwatched: 40_000 };
/** A lost answer to a start ends its run, so a poll that is due within this time probes an open circuit instead. */
const startProbeReluctanceMs = 20_000;
/** Requests under way for each connection, above which the account counts as crowded. */
const crowdPerConnection = 8;
/** Between two queued calls after a pause, without a budget to space them: 100 a second, rising until the jam is over. */
const jamSpacingMs = 10;

type Ticket = { readonly sinceMs: number; readonly admit: (request: PermittedRequest | null) => void };

/** Who makes a call. */
export type Caller = {
  readonly tenant: string;
  /** Gives up the waits of its further requests. */
  readonly signal: AbortSignal;
  /** Where the spans of its requests belong; left out where no trace is known. */
  readonly trace?: TraceContext | undefined;
};

/** A place in the queue, of a call. */
export type QueueEntry = {
  /** Null: the signal fired first. */
  readonly permit: Promise<Permit | null>;
  /** Moves an unwatched poll to the watched ones, because a client watches its run now. */
  raiseUrgency(): void;
};

export type CallQueueDeps = {
  readonly clock: Clock;
  readonly health: AccountHealth;
  /** The longest pause before one call probes whether the vendor takes calls again, however long it asked for. */
  readonly maxPauseMs: number;
  /** Requests that can be at the vendor at once; further ones wait for a connection. */
  readonly maxConnections: number;
  /** Called whenever a call has to wait. */
  readonly onWait?: () => void;
};

/**
 * Queues the calls of one backend's account while its budget is spent, while the vendor asked for a pause, or the circuit
 * is open. The tenants of the account take turns.
 */
export class CallQueue {
  readonly #clock: Clock;
  readonly #health: AccountHealth;
  readonly #limit: RateLimit | null;
  readonly #queues: Readonly<Record<Urgency, Turns<Ticket>>> = {
    start: new Turns(),
    watched: new Turns(),
    unwatched: new Turns(),
  };
  #lastPermitMs = 0;
  #cancelTimer: () => void = () => {};
  readonly #onWait: () => void;
  readonly #maxPauseMs: number;
  readonly #maxUnderWay: number;
  readonly #traffic = { underWay: 0 };
  readonly #requestDeps: RequestDeps;
  readonly #leaveHealth: () => void;
  /** What calls have taken. */
  readonly statistics: CallStatistics;

  /** Without a rate, only the vendor's pauses and an open circuit delay calls. */
  constructor(deps: CallQueueDeps, rate: Rate | null) {
    this.#clock = deps.clock;
    this.#health = deps.health;
    this.#maxPauseMs = deps.maxPauseMs;
    this.#maxUnderWay = deps.maxConnections * crowdPerConnection;
    this.#onWait = deps.onWait ?? (() => {});
    this.#limit = rate === null ? null : new RateLimit(rate);
    const onChange = (): void => {
      if (this.waiting > 0) this.#pump();
    };
    const statistics = new CallStatistics(deps.clock);
    this.statistics = statistics;
    this.#requestDeps = { ...deps, limit: this.#limit, traffic: this.#traffic, onChange, statistics };
    this.#leaveHealth = deps.health.join(onChange);
  }

  get state(): AccountState {
    return this.#health.state;
  }

  /**
   * How long the caller itself waits after a fault, where the vendor says so. What pauses the account holds every call
   * back until a probe; a caller that waited longer by itself might be the only one that could probe.
   */
  retryAfterMs({ httpStatus, retryAfterMs }: UpstreamFault): number | null {
    if (retryAfterMs === null || !pausesAccount(httpStatus)) return retryAfterMs;
    return Math.min(retryAfterMs, this.#maxPauseMs);
  }

  /**
   * So many requests wait for a connection that a further one would only wait longer, with all that belongs to it in memory,
   * and hold up the starts that come after it.
   */
  get isCrowded(): boolean {
    return this.#traffic.underWay >= this.#maxUnderWay;
  }

  /** No call waits or is under way, and none counts against the budget. */
  get isIdle(): boolean {
    return this.waiting === 0 && this.#traffic.underWay === 0 && this.inUse === 0;
  }

  /** The queue is no longer used. */
  close(): void {
    this.#cancelTimer();
    this.#leaveHealth();
  }

  /** Milliseconds until the account is probed; null: nothing holds it up. */
  get probeInMs(): number | null {
    if (this.#health.state === 'up') return null;
    return Math.max(0, this.#health.waitMs(this.#clock.monotonicMs(), 0));
  }

  /** The next call goes at once, as a probe. */
  hasten(): void {
    this.#health.hasten();
  }

  /** What a call that arrives now would wait for. Null: it need not wait. */
  hindrance(urgency: Urgency): Hindrance | null {
    const known = this.#health.hindrance();
    if (known !== null) return known;
    const nowMs = this.#clock.monotonicMs();
    const isQueueing = this.waiting > 0;
    if (this.#limit === null) {
      return isQueueing || this.#jamWaitMs(nowMs) > 0 ? { cause: 'rate-limited', forMs: null } : null;
    }
    const limitMs = this.#limit.waitMs(nowMs);
    if (limitMs <= 0 && !isQueueing) return null;
    if (this.#limit.permits <= 0) return { cause: 'replica-share', forMs: null };
    return { cause: 'budget', forMs: Math.max(Number.isFinite(limitMs) ? limitMs : 0, this.backlogMs(urgency)) };
  }

  /** What holds up every call of the account, whatever its budget. Null: nothing. */
  accountHindrance(): Hindrance | null {
    return this.#health.hindrance();
  }

  /** Whether the account would let a start through now, if only as a probe; its budget aside. */
  get takesStarts(): boolean {
    return this.#health.waitMs(this.#clock.monotonicMs(), startProbeReluctanceMs) <= 0;
  }

  /** How long a call that arrives now would wait for the budget, behind those that precede it. */
  backlogMs(urgency: Urgency): number {
    if (this.#limit === null) return 0;
    const before = urgencies.slice(0, urgencies.indexOf(urgency) + 1);
    const waiting = before.reduce((sum, each) => sum + this.#queues[each].size, 0);
    return (waiting / Math.max(1, this.#limit.permits)) * this.#limit.windowMs;
  }

  get waitingStarts(): number {
    return this.#queues.start.size;
  }

  get waiting(): number {
    const { start, watched, unwatched } = this.#queues;
    return start.size + watched.size + unwatched.size;
  }

  /** Requests of this process that may have arrived within the last second, or may still. */
  get inUse(): number {
    return this.#limit?.inUse(this.#clock.monotonicMs()) ?? 0;
  }

  /** Requests that this process may still send within the window; null: there is no such budget. */
  get budgetLeft(): number | null {
    return this.#limit === null ? null : Math.max(0, this.#limit.permits - this.inUse);
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
  tryEnter(urgency: Urgency, caller: Caller): Permit | null {
    return this.#mayGo(urgency) ? this.#makePermit(urgency, caller) : null;
  }

  /** A place in the queue of a tenant's calls; `signal` gives up this wait alone. */
  enter(urgency: Urgency, caller: Caller, signal = caller.signal): QueueEntry {
    const { tenant } = caller;
    if (signal.aborted) return { permit: Promise.resolve(null), raiseUrgency: () => {} };
    const permit = this.tryEnter(urgency, caller);
    if (permit !== null) return { permit: Promise.resolve(permit), raiseUrgency: () => {} };
    const { request, raiseUrgency } = this.#join(urgency, tenant, signal);
    return {
      permit: request.then((admitted) => admitted && this.#makePermit(urgency, caller, admitted)),
      raiseUrgency,
    };
  }

  #join(
    urgency: Urgency,
    tenant: string,
    signal: AbortSignal,
  ): { request: Promise<PermittedRequest | null>; raiseUrgency(): void } {
    const { promise, resolve } = Promise.withResolvers<PermittedRequest | null>();
    let queue = this.#queues[urgency];
    const ticket: Ticket = {
      sinceMs: this.#clock.monotonicMs(),
      admit: (request) => {
        queue.delete(tenant, ticket);
        signal.removeEventListener('abort', leave);
        resolve(request);
      },
    };
    const leave = (): void => ticket.admit(null);
    signal.addEventListener('abort', leave, { once: true });
    queue.add(tenant, ticket);
    this.#pump();
    this.#onWait();
    return {
      request: promise,
      raiseUrgency: () => {
        if (urgency !== 'unwatched' || !queue.delete(tenant, ticket)) return;
        queue = this.#queues.watched;
        queue.add(tenant, ticket);
      },
    };
  }

  /** Admits the calls that may go, and schedules itself for when the next one may. */
  #pump(): void {
    this.#cancelTimer();
    for (let urgency = this.#next(); urgency !== null; urgency = this.#next()) {
      const waitMs = this.#waitMs(urgency);
      if (waitMs > 0) {
        if (Number.isFinite(waitMs)) this.#cancelTimer = this.#clock.schedule(Math.ceil(waitMs), () => this.#pump());
        return;
      }
      this.#queues[urgency].take()?.admit(this.#admitRequest());
    }
  }

  #waitMs(urgency: Urgency): number {
    const nowMs = this.#clock.monotonicMs();
    const limitMs = this.#limit === null ? this.#jamWaitMs(nowMs) : this.#limit.waitMs(nowMs);
    const reluctanceMs = urgency === 'start' ? startProbeReluctanceMs : 0;
    return Math.max(this.#health.waitMs(nowMs, reluctanceMs), limitMs);
  }

  #jamWaitMs(nowMs: number): number {
    const leftShare = this.#health.jamShare(nowMs);
    return leftShare <= 0 ? 0 : this.#lastPermitMs + jamSpacingMs * leftShare - nowMs;
  }

  /** The kind of the call that goes next, judged by the one of each kind that has waited longest. */
  #next(): Urgency | null {
    let next: Urgency | null = null;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const urgency of urgencies) {
      const { oldest } = this.#queues[urgency];
      if (oldest === undefined) continue;
      if (urgency === 'start' && !this.#health.isCircuitClosed && this.waiting > this.#queues.start.size) continue;
      if (oldest.sinceMs + handicapMs[urgency] < dueMs) {
        next = urgency;
        dueMs = oldest.sinceMs + handicapMs[urgency];
      }
    }
    return next;
  }

  #makePermit(urgency: Urgency, caller: Caller, admitted = this.#admitRequest()): Permit {
    // What completes a look goes before looks that only might show something.
    const next = urgency === 'start' ? 'start' : 'watched';
    return new CallPermit(
      admitted,
      (signal = caller.signal) => this.#admitNext(next, caller.tenant, signal),
      caller.trace,
    );
  }

  async #admitNext(urgency: Urgency, tenant: string, signal: AbortSignal): Promise<PermittedRequest | null> {
    if (signal.aborted) return null;
    if (this.#mayGo(urgency)) return this.#admitRequest();
    return await this.#join(urgency, tenant, signal).request;
  }

  #mayGo(urgency: Urgency): boolean {
    return this.waiting === 0 && this.#waitMs(urgency) <= 0;
  }

  #admitRequest(): PermittedRequest {
    this.#limit?.reserve();
    this.#lastPermitMs = this.#clock.monotonicMs();
    return new QueuedRequest(this.#requestDeps, this.#health.enter());
  }
}

type RequestDeps = {
  readonly clock: Clock;
  readonly health: AccountHealth;
  readonly limit: RateLimit | null;
  readonly maxPauseMs: number;
  /** Requests that were sent and are not settled. */
  readonly traffic: { underWay: number };
  readonly statistics: CallStatistics;
  /** A queued call may have waited for this request. */
  readonly onChange: () => void;
};

class QueuedRequest implements PermittedRequest {
  readonly #deps: RequestDeps;
  readonly #probes: Probes;
  #flight: Flight | undefined;
  #sentMs = 0;

  constructor(deps: RequestDeps, probes: Probes) {
    this.#deps = deps;
    this.#probes = probes;
  }

  abandon(): void {
    const { limit, health, onChange } = this.#deps;
    limit?.release();
    health.abandon(this.#probes);
    onChange();
  }

  begin(): void {
    const { limit, clock, traffic, onChange } = this.#deps;
    traffic.underWay += 1;
    this.#sentMs = clock.monotonicMs();
    this.#flight = limit?.sent(this.#sentMs);
    onChange();
  }

  settle(error: unknown): void {
    const { limit, clock, health, maxPauseMs, traffic, onChange, statistics } = this.#deps;
    traffic.underWay -= 1;
    const result = error === null ? 'answered' : health.judge(error, maxPauseMs);
    const nowMs = clock.monotonicMs();
    // A call that we gave up ourselves says nothing of the vendor.
    if (result !== 'unclear') statistics.note(nowMs - this.#sentMs, error !== null);
    if (this.#flight !== undefined) limit?.landed(this.#flight, nowMs);
    health.settle(result, this.#probes, maxPauseMs);
    onChange();
  }
}
