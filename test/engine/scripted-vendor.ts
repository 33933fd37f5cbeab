import type { Connection, Observation, StartAnswer, TerminationCalls } from '../../src/contract/adapter/adapter.ts';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';

type Script = UpstreamFault | Error | Json;

/** A vendor behind the adapter port whose answers a test scripts. Unscripted calls succeed at once. */
export class ScriptedVendor implements Connection {
  readonly starts: Json[] = [];
  readonly resumptions: Json[] = [];
  readonly cancelled: string[] = [];
  polls = 0;
  /** The vendor's run that was polled last. */
  lastObserved = '';
  /** Answers to the next starts, resumptions, observations; the last observation repeats. */
  readonly startScript: (Error | StartAnswer)[] = [];
  readonly resumeScript: (Error | UpstreamRef)[] = [];
  readonly cancelScript: (UpstreamFault | Error)[] = [];
  readonly observeScript: Script[] = [];
  /** Left out: a cancel is the end. */
  termination?: TerminationCalls;
  /** Holds starts until it resolves. */
  startGate: Promise<void> = Promise.resolve();
  observeGate: Promise<void> = Promise.resolve();
  resumeGate: Promise<void> = Promise.resolve();

  async start(request: { readonly input: Json }): Promise<StartAnswer> {
    const runId = `vendor-${this.starts.push(request.input)}`;
    await this.startGate;
    const scripted = this.startScript.shift();
    if (scripted instanceof Error) throw scripted;
    return scripted ?? { upstream: { runId } };
  }

  async observe(_target: unknown, upstream: UpstreamRef, signal: AbortSignal): Promise<Observation> {
    this.polls += 1;
    this.lastObserved = upstream.runId;
    await this.observeGate;
    if (signal.aborted) throw fault('retry', { kind: 'aborted' });
    const answer = (this.observeScript.length > 1 ? this.observeScript.shift() : this.observeScript[0]) ?? {
      status: 'running',
    };
    if (answer instanceof Error) throw answer;
    const shown = answer as { status: string } & Partial<Omit<Observation, 'raw'>>;
    const { status, notBeforeMs, stuck, isInterruptUnknown } = shown;
    return { status, raw: answer, notBeforeMs, stuck, isInterruptUnknown };
  }

  async resume(
    _target: unknown,
    _upstream: UpstreamRef,
    resumption: Json,
    _deliveryId?: string,
  ): Promise<UpstreamRef | undefined> {
    this.resumptions.push(resumption);
    await this.resumeGate;
    const scripted = this.resumeScript.shift();
    if (scripted instanceof Error) throw scripted;
    return scripted;
  }

  async cancel(_target: unknown, upstream: UpstreamRef): Promise<void> {
    const fault = this.cancelScript.shift();
    if (fault !== undefined) throw fault;
    this.cancelled.push(upstream.runId);
  }
}

export function fault(
  consequence: UpstreamFault['consequence'],
  more: {
    readonly kind?: UpstreamFault['kind'];
    readonly message?: string;
    readonly retryAfterMs?: number;
    readonly httpStatus?: number;
    readonly vendorStatus?: string;
    readonly step?: UpstreamFault['step'];
  } = {},
): UpstreamFault {
  const { kind = 'http-status', message = 'the vendor answered 500' } = more;
  return new UpstreamFault({ ...more, consequence, kind, message });
}
