import { z } from 'zod';
import type { Json } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import type { Fault, Vendor } from './faults.ts';

/** What an input may set for its scripted agent; a member of another type counts as left out. */
const knobsSchema = z
  .looseObject({
    /** Counts starts: a caller with a unique key in each input finds out what was started twice. */
    key: z.string().optional().catch(undefined),
    ms: z.number().nonnegative().optional().catch(undefined),
    delayMs: z.number().nonnegative().optional().catch(undefined),
    seconds: z.number().nonnegative().optional().catch(undefined),
    /** How long the run stays queued before it begins. */
    queuedMs: z.number().nonnegative().optional().catch(undefined),
    /** How long an interrupt is still shown after it was answered. */
    staleMs: z.number().nonnegative().optional().catch(undefined),
    times: z.int().nonnegative().optional().catch(undefined),
    steps: z.int().positive().optional().catch(undefined),
    rounds: z.int().positive().optional().catch(undefined),
    on: z.enum(['start', 'observe']).optional().catch(undefined),
    retryAfterSeconds: z.number().nonnegative().optional().catch(undefined),
    /** An HTTP status for the agents that spoil answers, a vendor's status for `odd-status`. */
    status: z
      .union([z.int().min(400).max(599), z.string()])
      .optional()
      .catch(undefined),
    message: z.string().optional().catch(undefined),
    code: z.string().optional().catch(undefined),
    category: z.string().optional().catch(undefined),
    reason: z.string().optional().catch(undefined),
    question: z.string().optional().catch(undefined),
  })
  .catch({});
export type Knobs = z.infer<typeof knobsSchema>;

export function parseKnobs(input: Json): Knobs {
  return isJsonObject(input) ? knobsSchema.parse(input) : {};
}

export type AgentEvent = { readonly name: string; readonly input: Json; readonly atMs: number };

/** Why a run failed; Restack sends the message only. */
type Failure = {
  readonly message: string;
  readonly code?: string | undefined;
  readonly category: string;
  readonly retirable: boolean;
};

/** A run as it is at one moment, independent of the vendor. */
export type View =
  | { readonly kind: 'queued' }
  | { readonly kind: 'running'; readonly output?: Json }
  | { readonly kind: 'odd'; readonly status: string }
  | { readonly kind: 'forgotten' }
  | Ended;
export type Ended =
  | { readonly kind: 'completed'; readonly output: Json; readonly endedAtMs: number }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly endedAtMs: number }
  | { readonly kind: 'canceled'; readonly reason: string; readonly message: string; readonly endedAtMs: number };

/** What a script sees of its run. */
export type ScriptedRun = {
  readonly vendor: Vendor;
  readonly runId: string;
  readonly input: Json;
  readonly knobs: Knobs;
  /** When it left the vendor's queue. */
  readonly begunAtMs: number;
  /** The events that it took, oldest first. */
  readonly events: readonly AgentEvent[];
};

/** What an agent of the sandbox does, computed from the run and the clock on request. */
export type Script = {
  /** The run at `nowMs`, which is not before `begunAtMs`. */
  view(run: ScriptedRun, nowMs: number): View;
  /** When it ends by itself; infinite where it does not. */
  endsAtMs(run: ScriptedRun): number;
  /** Spoils the answer to a start; `earlier` counts the starts of this input that were refused before. */
  spoilStart?(knobs: Knobs, earlier: number): Fault | null;
  /** Spoils the answer to an observation; `earlier` counts the observations before it. */
  spoilObserve?(knobs: Knobs, earlier: number): Fault | null;
  /** Whether it takes events of this name; scripts without it take none. */
  hears?(eventName: string): boolean;
  /** The answer to the newest event; left out, the event is only acknowledged. */
  answer?(run: ScriptedRun): Json;
};
