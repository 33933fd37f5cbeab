import { ReleasingMap } from '../../collections/releasing-map.ts';
import { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import type { TraceContext } from '../../contract/domain/trace.ts';
import { StorageFault } from '../../contract/store/store.ts';
import type { Backends } from '../limits/backends.ts';
import type { CallQueue } from '../limits/call-queue.ts';
import { nextRetryMs } from '../pacing/pacing.ts';
import { isMessage } from '../sessions/sessions.ts';
import { delay } from '../sleeper.ts';
import type { FaultRecorder } from '../state/fault-recorder.ts';
import { runLogFields } from '../state/run-log-fields.ts';
import type { BackendHealth } from './backend-health.ts';

const maxCancelTries = 5;
/** No client waits for the end of a session, so an unreachable vendor is asked for about five minutes. */
const maxEndTries = 20;

/** A call that stops something at the vendor; repeated until it was answered once. */
type StopCall = {
  readonly tenant: string;
  readonly trace?: TraceContext | undefined;
  readonly call: () => Promise<void> | undefined;
  readonly maxTries: number;
  readonly done: string;
  readonly givenUp: string;
  /** No client waits, and for so long "not there" is no end: what is to be stopped may still arrive at the vendor. */
  readonly arrivesWithinMs?: number;
  readonly onDone?: () => void;
};

type SessionAtVendor = { readonly id: string; readonly tenant: string; readonly upstream: UpstreamRef };

export type UpstreamStopperDeps = {
  readonly clock: Clock;
  readonly faults: FaultRecorder;
  readonly health: BackendHealth;
  readonly backends: Backends;
  readonly log: Log;
};

/** Stops what vendors still run for runs and threads that are over here, outside any run loop. */
export class UpstreamStopper {
  readonly #deps: UpstreamStopperDeps;
  readonly #abort = new AbortController();
  /** Runs whose cancel was taken and that may not be over yet. */
  readonly #graces = new Set<Promise<void>>();
  /** Stops under way, by the id of their run or thread. */
  readonly #underWay = new ReleasingMap<string, Promise<void>>();

  constructor(deps: UpstreamStopperDeps) {
    this.#deps = deps;
  }

  /** Stops what a run started at the vendor: ends the session that it scheduled for its thread, cancels any other run. */
  stopRun(run: Run, upstream: UpstreamRef, agent: Agent): void {
    if (isMessage(run, agent, upstream)) return;
    if (agent.capabilities.session && run.threadId !== null)
      this.endSession({ id: run.runId, tenant: run.tenant, upstream }, agent);
    else this.#cancel(run, upstream, agent);
  }

  /** Ends a session at the vendor; `id` is that of the thread or run that had it. */
  endSession({ id, tenant, upstream }: SessionAtVendor, agent: Agent): void {
    const log = this.#deps.log.child({ agent: agent.name, backend: agent.backend, upstream });
    const stop: StopCall = {
      tenant,
      call: () => agent.connectionFor(tenant).session?.end(agent.target, upstream),
      maxTries: maxEndTries,
      done: 'session ended at the vendor',
      givenUp: 'session could not be ended; it may still be open at the vendor',
    };
    this.#send(id, stop, agent, log);
  }

  /** Does nothing where the vendor cannot cancel. */
  #cancel(run: Run, upstream: UpstreamRef, agent: Agent): void {
    const connection = agent.connectionFor(run.tenant);
    if (!agent.capabilities.cancel || connection.cancel === undefined) return;
    const log = this.#deps.log.child({ ...runLogFields(run), agent: agent.name, backend: agent.backend, upstream });
    const stop: StopCall = {
      tenant: run.tenant,
      trace: run.request.trace?.context,
      call: () => connection.cancel?.(agent.target, upstream),
      maxTries: maxCancelTries,
      done: 'upstream run cancelled',
      givenUp: 'upstream run could not be cancelled; it may still be running at the vendor',
      onDone: () => this.#terminateLater(run.tenant, upstream, agent, log),
    };
    this.#send(run.runId, stop, agent, log);
  }

  /** A cancel may be a wish that no code is there to grant. No client waits for what comes after it. */
  #terminateLater(tenant: string, upstream: UpstreamRef, agent: Agent, log: Log): void {
    const { termination } = agent.connectionFor(tenant);
    const graceMs = termination?.graceMsOf(agent.target) ?? null;
    if (termination === undefined || graceMs === null) return;
    const givenUp = 'upstream run that was cancelled could not be terminated; it may still be running at the vendor';
    const stop: StopCall = {
      tenant,
      call: () => termination.terminate(agent.target, upstream),
      maxTries: maxCancelTries,
      done: 'upstream run terminated, which did not end by its cancel',
      givenUp,
    };
    const { signal } = this.#abort;
    const grace = delay(this.#deps.clock, graceMs, signal)
      .then(() => (signal.aborted ? log.warn({}, givenUp) : this.#carryOut(stop, agent, log)))
      .finally(() => this.#graces.delete(grace));
    this.#graces.add(grace);
  }

  /**
   * Stops what a start has made whose answer never came. `find` looks for it at the vendor and cancels it;
   * `arrivesWithinMs` is how late the start may still arrive there.
   */
  stopUnsettled(run: Run, agent: Agent, find: () => Promise<UpstreamRef | null>, arrivesWithinMs: number): void {
    const connection = agent.connectionFor(run.tenant);
    if (!agent.capabilities.cancel || connection.cancel === undefined) return;
    const log = this.#deps.log.child({ ...runLogFields(run), agent: agent.name, backend: agent.backend });
    let found: UpstreamRef | null = null;
    const stop: StopCall = {
      tenant: run.tenant,
      trace: run.request.trace?.context,
      call: async () => {
        found = await find();
      },
      // Spread over the time in which it may arrive.
      maxTries: maxEndTries,
      done: 'upstream run cancelled',
      givenUp: 'upstream run of a start without an answer could not be cancelled; it may be running at the vendor',
      arrivesWithinMs,
      onDone: () => {
        if (found !== null) this.#terminateLater(run.tenant, found, agent, log);
      },
    };
    this.#send(run.runId, stop, agent, log);
  }

  /** Resolves when no stop is under way. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#underWay.values(), ...this.#graces]);
  }

  /** Resolves when the vendor has stopped what this run started, or the tries are used up. */
  async settleRun(runId: string): Promise<void> {
    await this.#underWay.get(runId);
  }

  /** Gives up the waits between tries; a call that was sent is left to its end. */
  stop(): void {
    this.#abort.abort();
  }

  #send(id: string, stop: StopCall, agent: Agent, log: Log): void {
    const task = this.#carryOut(stop, agent, log).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, task);
  }

  async #carryOut(stop: StopCall, agent: Agent, log: Log): Promise<void> {
    const account = this.#deps.backends.of(agent.backend, stop.tenant);
    account.hold();
    try {
      await this.#repeat(stop, account.callQueue, agent, log);
    } finally {
      account.release();
    }
  }

  async #repeat(stop: StopCall, callQueue: CallQueue, agent: Agent, log: Log): Promise<void> {
    const { tenant, call, maxTries, done, givenUp, arrivesWithinMs, onDone } = stop;
    const { faults, health, clock } = this.#deps;
    const arrivedMs = clock.monotonicMs() + (arrivesWithinMs ?? 0);
    const { signal } = this.#abort;
    for (let tries = 0; tries < maxTries && !signal.aborted; tries += 1) {
      // A client may wait for a cancel, so an open circuit counts as a try instead of holding the client up.
      const permit =
        callQueue.state === 'down' && arrivesWithinMs === undefined
          ? null
          : await callQueue.enter('start', { tenant, signal, trace: stop.trace }).permit;
      if (permit === null) {
        await delay(clock, nextRetryMs(tries, null, clock.random()), signal);
        continue;
      }
      try {
        await permit.send(async () => call());
        faults.noteAnswer(agent, 'cancel');
        health.noteAnswer(agent, { tenant, runId: null });
        log.info({}, done);
        onDone?.();
        return;
      } catch (error) {
        // A start that is not settled is looked for with the store and the mapping, too.
        if (error instanceof StorageFault) {
          await delay(clock, nextRetryMs(tries, null, clock.random()), signal);
          continue;
        }
        if (!(error instanceof UpstreamFault)) {
          log.error({ err: error }, givenUp);
          return;
        }
        const fault = error;
        faults.record(log, agent, 'cancel', fault);
        health.noteFault(agent, { tenant, runId: null }, fault);
        const mayArrive = fault.consequence === 'gone' && clock.monotonicMs() < arrivedMs;
        if (fault.consequence === 'gone' && !mayArrive) return;
        if (fault.consequence === 'rejected') {
          log.warn({ reason: fault.message }, givenUp);
          return;
        }
        await delay(clock, nextRetryMs(tries, callQueue.retryAfterMs(fault), clock.random()), signal);
      }
    }
    log.warn({}, givenUp);
  }
}
