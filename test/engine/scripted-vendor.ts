import type { Connection, Observation } from '../../src/contract/adapter/adapter.ts';
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
  /** Answers to the next starts, resumptions, observations; the last observation repeats. */
  readonly startScript: (UpstreamFault | Error)[] = [];
  readonly resumeScript: (UpstreamFault | Error)[] = [];
  readonly cancelScript: (UpstreamFault | Error)[] = [];
  readonly observeScript: Script[] = [];
  /** Holds starts until it resolves. */
  startGate: Promise<void> = Promise.resolve();
  observeGate: Promise<void> = Promise.resolve();
  resumeGate: Promise<void> = Promise.resolve();

  async start(request: { readonly input: Json }): Promise<UpstreamRef> {
    const runId = `vendor-${this.starts.push(request.input)}`;
    await this.startGate;
    const fault = this.startScript.shift();
    if (fault !== undefined) throw fault;
    return { runId };
  }

  async observe(_target: unknown, _upstream: UpstreamRef, signal: AbortSignal): Promise<Observation> {
    this.polls += 1;
    await this.observeGate;
    if (signal.aborted) throw fault('retry', { kind: 'aborted' });
    const answer = (this.observeScript.length > 1 ? this.observeScript.shift() : this.observeScript[0]) ?? {
      status: 'running',
    };
    if (answer instanceof Error) throw answer;
    const { status } = answer as { status: string };
    return { status, raw: answer };
  }

  async resume(_target: unknown, _upstream: UpstreamRef, resumption: Json, _deliveryId?: string): Promise<void> {
    this.resumptions.push(resumption);
    await this.resumeGate;
    const fault = this.resumeScript.shift();
    if (fault !== undefined) throw fault;
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
  } = {},
): UpstreamFault {
  const { kind = 'http-status', message = 'the vendor answered 500' } = more;
  return new UpstreamFault({ ...more, consequence, kind, message });
}
