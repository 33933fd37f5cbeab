import { callGuarded } from '../../compute/guarded-calls.ts';
import type { Observation } from '../../contract/adapter/adapter.ts';
import type { UpstreamRef } from '../../contract/domain/run.ts';
import { backoffMs } from '../backoff.ts';
import type { CallHolder } from '../limits/held-calls.ts';
import { faultOf } from '../state/fault-recorder.ts';
import { isWatched, type RunContext } from './run-context.ts';
import type { AttendanceMemory } from './run-memory.ts';

/** A vendor that answers sooner without news does not hold the call. */
const minHoldMs = 1000;
/** Between the beginnings of two held calls of which the first one showed a run that goes on. */
const spacingMs = 1000;
const faultBackoff = { firstMs: 2000, maxMs: 300_000, growth: 2, jitterShare: 0.25 };
/** Passed as reasons, because an abort without one makes an error with a stack each time. */
const [gaveWay, pushed] = ['a watched run took the place', 'the vendor reported a change'];

/** Has the vendor hold a call until the run changes, in place of polls. A fault of it never ends the run. */
export class Attendance implements CallHolder {
  readonly #context: RunContext;
  readonly #memory: AttendanceMemory;
  #abort: AbortController | null = null;

  constructor(context: RunContext) {
    this.#context = context;
    this.#memory = context.memory;
  }

  /** Whether the last held call told how the run is, so that looks need not. */
  get isAttended(): boolean {
    return this.#memory.isAttended;
  }

  get isWatched(): boolean {
    return isWatched(this.#context);
  }

  giveWay(): void {
    this.#abort?.abort(gaveWay);
  }

  /** The vendor has reported a change, which a look shows. */
  cutShort(): void {
    this.#abort?.abort(pushed);
  }

  abort(reason: string): void {
    this.#abort?.abort(reason);
  }

  /** In how long a call may be held; null: not before something changes. */
  get waitMs(): number | null {
    const { connection, agent, handle, runPermit, deps } = this.#context;
    if (connection.attend === undefined || agent.capabilities.attend !== true) return null;
    // The vendor may need a payload to go on, and a place is worth more to a run that can change.
    if (handle.run.phase !== 'running') return null;
    if (runPermit.callHindrance() !== null || !runPermit.heldCalls.hasRoomFor(this, connection.maxHeldCalls?.()))
      return null;
    return Math.max(0, this.#memory.nextHoldMs - deps.clock.monotonicMs());
  }

  /** Holds one call. Gives what the vendor shows; null: nothing, for whatever reason. */
  async hold(upstream: UpstreamRef): Promise<Observation | null> {
    const { connection, runPermit } = this.#context;
    if (!runPermit.heldCalls.take(this, connection.maxHeldCalls?.())) {
      this.#memory.isAttended = false;
      return null;
    }
    const abort = new AbortController();
    this.#abort = abort;
    try {
      return await this.#holdWith(upstream, abort.signal);
    } finally {
      this.#abort = null;
      runPermit.heldCalls.leave(this);
    }
  }

  async #holdWith(upstream: UpstreamRef, signal: AbortSignal): Promise<Observation | null> {
    const { connection, agent, handle, runPermit, deps } = this.#context;
    const permit = await runPermit.waitForCall(this.isWatched ? 'watched' : 'unwatched');
    if (permit === null) return null;
    const sentMs = deps.clock.monotonicMs();
    try {
      if (signal.aborted) return this.#giveUp();
      const seen = await permit.send(() =>
        callGuarded(handle.guard, async () => (await connection.attend?.(agent.target, upstream, signal)) ?? null),
      );
      this.#noteAnswer(seen, sentMs);
      return seen;
    } catch (error) {
      if (signal.aborted) return this.#giveUp();
      this.#noteFault(error);
      return null;
    } finally {
      permit.release();
    }
  }

  #giveUp(): null {
    this.#memory.isAttended = false;
    return null;
  }

  #noteAnswer(seen: Observation | null, sentMs: number): void {
    const { agent, handle, deps } = this.#context;
    const nowMs = deps.clock.monotonicMs();
    this.#count(seen === null ? 'quiet' : 'changed');
    deps.faults.noteAnswer(agent, 'attend');
    deps.health.noteAnswer(agent, handle.run);
    if (seen === null && nowMs - sentMs < minHoldMs) {
      this.#backOff();
      return;
    }
    this.#memory.isAttended = true;
    this.#memory.holdFaults = 0;
    this.#memory.nextHoldMs = seen === null ? nowMs : sentMs + spacingMs;
  }

  #noteFault(error: unknown): void {
    const { agent, handle, deps, log } = this.#context;
    const fault = faultOf(error);
    this.#count('failed');
    deps.faults.record(log, agent, 'attend', fault);
    deps.health.noteFault(agent, handle.run, fault);
    this.#backOff();
  }

  /** The looks come back. */
  #backOff(): void {
    const { clock } = this.#context.deps;
    this.#memory.isAttended = false;
    this.#memory.nextHoldMs = clock.monotonicMs() + backoffMs(faultBackoff, this.#memory.holdFaults, clock.random());
    this.#memory.holdFaults += 1;
  }

  #count(result: string): void {
    const { deps, agent } = this.#context;
    deps.metrics.count('held_calls', { backend: agent.backend, result });
  }
}
