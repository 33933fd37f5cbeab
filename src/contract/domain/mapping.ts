import type { Observation } from '../adapter/adapter.ts';
import type { EvaluationGuard } from './evaluation.ts';
import type { Json, JsonObject } from './json.ts';
import type { UpstreamRef } from './run.ts';

/** The context of an `input` expression. */
export type InputContext = {
  readonly input: Json;
  readonly messages: Json;
  readonly config: JsonObject;
  readonly metadata: JsonObject;
  /** The values of the run's thread; null without one. */
  readonly state: Json;
  /** The messages of the run's thread before this run. */
  readonly history: Json;
  readonly agent: { readonly name: string; readonly version: string };
};

/** The context of a `threadState` expression. */
export type StateContext = {
  /** The thread's values before the run; null before the first. */
  readonly state: Json;
  readonly input: Json;
  readonly messages: Json;
  readonly output: Json;
};

/** The context of a `resume` expression. */
export type ResumeContext = {
  readonly payload: Json;
  readonly interrupt: Json;
  readonly run: { readonly run_id: string; readonly upstream: UpstreamRef };
};

/** An observation in ACP's words. */
export type MappedStatus =
  | { readonly kind: 'pending'; readonly partial: Json | undefined }
  | { readonly kind: 'interrupted'; readonly payload: Json }
  | { readonly kind: 'success'; readonly output: Json }
  | {
      readonly kind: 'failed';
      readonly status: 'error' | 'timeout';
      readonly errcode: number;
      readonly description: string;
    }
  | {
      readonly kind: 'unmapped';
      /** Cut where it is longer than a word. */
      readonly vendorStatus: string;
      /** The status of the mapping that the vendor's resembles, such as `completed` for `COMPLETED`. */
      readonly nearest?: string;
    };

/** An agent's mapping, compiled. Every method throws {@link MappingFault} and nothing else. */
export interface Mapping {
  /** Whether a run of the agent can be interrupted. */
  readonly interrupts: boolean;
  input(context: InputContext, guard?: EvaluationGuard): Promise<Json>;
  /** The input where no expression is needed and it is within bounds; otherwise undefined, and {@link input} makes it. */
  plainInput(context: InputContext): Json | undefined;
  /** What is kept of the vendor's terminal answer, in its own words, within a bound. */
  describeEnd(raw: Json): JsonObject;
  /** What the run cost, by the vendor's terminal answer; undefined: the mapping has no expression for it, or no value. */
  cost(raw: Json, guard?: EvaluationGuard): Promise<number | undefined> | undefined;
  /** Whether a run with this status of the vendor is over; null where the mapping alone cannot tell. */
  isFinal(vendorStatus: string): boolean | null;
  read(observation: Observation, guard?: EvaluationGuard): Promise<MappedStatus>;
  resume(context: ResumeContext, guard?: EvaluationGuard): Promise<Json>;
  /** The thread's values after a run that succeeded; without an expression the run's output. */
  threadState(context: StateContext, guard?: EvaluationGuard): Promise<Json>;
  /** The same mapping with parts of another laid over it, as an operator tries them. Throws nothing. */
  amend(part: JsonObject): AmendedMapping;
}

/** `problems` say where and why the parts are refused. */
export type AmendedMapping =
  | { readonly kind: 'compiled'; readonly mapping: Mapping }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

/** An expression failed or went over its budget at run time; the message names the expression, not the data. */
export class MappingFault extends Error {
  readonly expression: string;
  readonly reason: string;

  constructor(expression: string, reason: string, cause?: unknown) {
    super(`the mapping's "${expression}" expression failed: ${reason}`, { cause });
    this.name = 'MappingFault';
    this.expression = expression;
    this.reason = reason;
  }
}
