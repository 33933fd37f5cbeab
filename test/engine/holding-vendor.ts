import type { Observation } from '../../src/contract/adapter/adapter.ts';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Clock } from '../../src/contract/domain/clock.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { fault, ScriptedVendor } from './scripted-vendor.ts';

type HeldAnswer = Observation | null | UpstreamFault;

/** A vendor that holds a call until its run changes, for twenty seconds at most. */
export class HoldingVendor extends ScriptedVendor {
  /** The runs whose calls are held now, in the order of their calls. */
  readonly held = new Map<string, (answer: HeldAnswer) => void>();
  holds = 0;
  maxHeld = 0;
  /** Calls that we gave up. */
  aborted = 0;
  /** Answers to the next held calls, given at once. */
  readonly holdScript: HeldAnswer[] = [];
  clock: Clock | null = null;
  /** What the vendor takes at a time. */
  maxHeldCalls = (): number => Number.POSITIVE_INFINITY;
  /** What was asked about each run, in order. */
  readonly asked = new Map<string, string[]>();

  override async observe(target: unknown, upstream: UpstreamRef, signal: AbortSignal): Promise<Observation> {
    this.#note(upstream, 'poll');
    return await super.observe(target, upstream, signal);
  }

  async attend(_target: unknown, upstream: UpstreamRef, signal: AbortSignal): Promise<Observation | null> {
    const { runId } = upstream;
    this.#note(upstream, 'hold');
    this.holds += 1;
    const scripted = this.holdScript.shift();
    const answer = scripted === undefined ? await this.#hold(runId, signal) : scripted;
    if (answer instanceof UpstreamFault) throw answer;
    return answer;
  }

  /** Answers the held call of a run. */
  change(runId: string, raw: { readonly status: string; readonly [name: string]: Json }): void {
    this.held.get(runId)?.({ status: raw.status, raw });
  }

  /** Ends all held calls with a fault. */
  fail(): void {
    for (const settle of this.held.values()) settle(fault('retry', { kind: 'cut', message: 'cut' }));
  }

  #note({ runId }: UpstreamRef, call: string): void {
    this.asked.set(runId, [...(this.asked.get(runId) ?? []), call]);
  }

  async #hold(runId: string, signal: AbortSignal): Promise<HeldAnswer> {
    const { promise, resolve } = Promise.withResolvers<HeldAnswer>();
    this.held.set(runId, resolve);
    this.maxHeld = Math.max(this.maxHeld, this.held.size);
    const cancel = this.clock?.schedule(20_000, () => resolve(null));
    signal.addEventListener('abort', () => {
      this.aborted += 1;
      resolve(fault('retry', { kind: 'aborted' }));
    });
    const answer = await promise;
    cancel?.();
    this.held.delete(runId);
    return answer;
  }
}
