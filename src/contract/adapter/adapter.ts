import type { ZodType } from 'zod';
import type { Json, JsonObject } from '../domain/json.ts';
import type { UpstreamRef } from '../domain/run.ts';
import type { HttpClient } from './http.ts';

/** What a vendor can do beyond start and observe; data, read by the engine, the config check and the docs. */
export type Capabilities = {
  /** Takes a payload for a run that waits for one. */
  readonly resume: boolean;
  /** Stops a run. */
  readonly cancel: boolean;
  /** Calls us when a run changes. */
  readonly push: boolean;
  /** One long-lived agent at the vendor serves the runs of a thread: the first schedules it, later ones are messages. */
  readonly session: boolean;
};

/** What an adapter saw of an upstream run, in the vendor's words, before the mapping. */
export type Observation = {
  readonly status: string;
  /** The vendor's run as the vendor sent it. */
  readonly raw: Json;
};

export type StartRequest<Target> = {
  readonly target: Target;
  /** The vendor's input: what the mapping made of the client's. */
  readonly input: Json;
  /** The run's `config`, not yet checked: the adapter parses the options it knows. */
  readonly config: JsonObject;
  /** Where a vendor that can push is to call when the run changes. */
  readonly sink?: { readonly url: string } | undefined;
};

/** How one long-lived agent at the vendor serves the runs of a thread. */
export interface SessionCalls<Target = unknown> {
  /**
   * The input that schedules a session whose every run is a message, the first one too. Undefined, or left out: the
   * session is scheduled with the first run's input, and what it shows then is that run's output.
   */
  openingInputOf?(target: Target): Json | undefined;
  /** Sends a run's input. Gives the answer as a run that ended with it would be observed. */
  send(target: Target, upstream: UpstreamRef, input: Json): Promise<Observation>;
  /** Ends the session of a thread that is removed. */
  end(target: Target, upstream: UpstreamRef): Promise<void>;
}

/** A live connection to one configured backend. Every call throws `UpstreamFault` and nothing else. */
export interface Connection<Target = unknown> {
  start(request: StartRequest<Target>): Promise<UpstreamRef>;
  /** The signal cuts the call short: the run is over here. */
  observe(target: Target, upstream: UpstreamRef, signal?: AbortSignal): Promise<Observation>;
  /** `resumption` is what the mapping's `resume` made of the client's payload. */
  resume?(target: Target, upstream: UpstreamRef, resumption: Json): Promise<void>;
  cancel?(target: Target, upstream: UpstreamRef): Promise<void>;
  /** Whether target or config send the vendor's calls elsewhere, so that a `sink` of ours is left out. */
  ownsSink?(target: Target, config: JsonObject): boolean;
  /** For vendors whose agents can serve all runs of a thread; see {@link Capabilities.session}. */
  readonly session?: SessionCalls<Target>;
}

/** A URL in a run's `config` that the vendor will connect to; `path` is such as `sink/url`. */
export type RunUrl = { readonly path: string; readonly url: string; readonly isProxy: boolean };

/** Code that speaks one vendor's wire. See `docs/vendors/writing-an-adapter.md`. */
export interface Adapter<Settings = unknown, Target = unknown> {
  readonly name: string;
  /** The most that the adapter can do. */
  readonly capabilities: Capabilities;
  /** The adapter's own keys of a backend in the config (without `adapter` and the keys that every backend has). */
  readonly settings: ZodType<Settings>;
  /** An agent's `target` in the config. */
  readonly target: ZodType<Target>;
  /** A run's `config`, as far as this adapter reads it; a request that breaks it is refused with 422. */
  readonly runConfig: ZodType<unknown>;
  /** Left out, a run's `config` holds no URLs. Called with what `runConfig` takes. */
  urlsOf?(config: JsonObject): readonly RunUrl[];
  /** What one target cannot do although the adapter can. Left out, every target can all of it. */
  capabilitiesOf?(target: Target): Partial<Capabilities>;
  /** Values that must never leave the process. */
  secretsOf(settings: Settings): readonly string[];
  connect(settings: Settings, http: HttpClient): Connection<Target>;
}
