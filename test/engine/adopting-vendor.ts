import type { AdoptionCalls, Observation, StartAnswer, StartRequest } from '../../src/contract/adapter/adapter.ts';
import type { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { fault, ScriptedVendor } from './scripted-vendor.ts';

/** What becomes of one start: whether the vendor takes it, and whether its answer arrives. */
export type StartFate = {
  /** `late`: taken when the test says so. */
  readonly taken: boolean | 'late';
  /** `hang`: no answer while the process lives. */
  readonly answer: UpstreamFault | 'hang' | 'arrives';
};

/** A vendor that knows runs again by the caller's id, and can be searched by it. Starts without a fate are taken and answered. */
export class AdoptingVendor extends ScriptedVendor {
  readonly adoption: AdoptionCalls;
  readonly fates: StartFate[] = [];
  /** The vendor's run by our id. */
  readonly made = new Map<string, string>();
  readonly keys: string[] = [];
  readonly observed: string[] = [];
  readonly sinks: string[] = [];
  finds = 0;
  readonly findScript: (Error | 'absent' | 'unclear')[] = [];
  #made = 0;
  readonly #late: string[] = [];

  constructor(adoption: AdoptionCalls = {}) {
    super();
    this.adoption = {
      find: async ({ runId }) => {
        this.finds += 1;
        const scripted = this.findScript.shift();
        if (scripted instanceof Error) throw scripted;
        if (scripted !== undefined) return scripted;
        const found = this.made.get(runId);
        return found === undefined ? 'absent' : { runId: found };
      },
      refOfPush: (_target, body) =>
        isJsonObject(body) && typeof body.runId === 'string' ? { runId: body.runId } : null,
      ...adoption,
    };
  }

  override async start({ runId, input, sink }: StartRequest<unknown>): Promise<StartAnswer> {
    this.starts.push(input);
    this.keys.push(runId);
    if (sink !== undefined) this.sinks.push(sink.url.split('/').at(-1) ?? '');
    const { taken, answer } = this.fates.shift() ?? { taken: true, answer: 'arrives' };
    if (taken === 'late') this.#late.push(runId);
    else if (taken) this.#take(runId);
    if (answer === 'hang') return await new Promise(() => {});
    if (answer !== 'arrives') throw answer;
    return { upstream: { runId: this.made.get(runId) ?? '' } };
  }

  override async observe(target: unknown, upstream: UpstreamRef, signal: AbortSignal): Promise<Observation> {
    this.observed.push(upstream.runId);
    if (![...this.made.values()].includes(upstream.runId)) throw fault('gone', { httpStatus: 404 });
    return await super.observe(target, upstream, signal);
  }

  /** The requests that were under way arrive. */
  arrive(): void {
    for (const runId of this.#late.splice(0)) this.#take(runId);
  }

  /** A start with the same id makes no second run. */
  #take(runId: string): void {
    if (this.made.has(runId)) return;
    this.#made += 1;
    this.made.set(runId, `made-${this.#made}`);
  }

  /** How many runs the vendor executes. */
  get executions(): number {
    return this.#made;
  }
}

export const cut = (): UpstreamFault => fault('unknown', { kind: 'cut', message: 'the connection was cut' });
export const success: Json = { status: 'success', output: 'done' };
