import type { ZodType } from 'zod';
import type { Json, JsonObject } from '../domain/json.ts';
import type { UpstreamRef } from '../domain/run.ts';
import type { ExpressionCompiler } from './expressions.ts';
import type { HttpAnswer, HttpMethod } from './http.ts';
import type { ConnectionOptions, HttpClient } from './http-client.ts';
import type { AccountPush } from './push.ts';

/**
 * How the run is found that a start whose answer was lost has made; `docs/vendors/adoption.md` has the order of attempts.
 *
 * - `start`: starts with the same `runId` make one run, so the start is sent again.
 * - `find`: the vendor is asked for what the caller wrote into the start.
 * - `push`: the vendor's call to our sink names its run.
 * - `none`: nothing can tell.
 */
export type AdoptionKind = 'start' | 'find' | 'push' | 'none';

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
  /** Left out: `none`. */
  readonly adopt?: AdoptionKind | undefined;
  /** Holds a call until a run changes, so that one held call stands in for many polls. Left out: false. */
  readonly attend?: boolean | undefined;
};

/** What an adapter saw of an upstream run, in the vendor's words, before the mapping. */
export type Observation = {
  readonly status: string;
  /** The vendor's run as the vendor sent it. */
  readonly raw: Json;
  /**
   * How long the vendor asks us to wait before the next look. Honoured up to the longest wait that the config allows an
   * unwatched run, and up to half the time that is left until the deadline; a push and a resume do not wait for it.
   */
  readonly notBeforeMs?: number | undefined;
  /**
   * Why the run does not go on at the vendor although its status says that it runs, such as that no worker takes it up.
   * Shown as what the run waits for, and named at its deadline; a clause without a full stop.
   */
  readonly stuck?: string | undefined;
  /** What the run asks could not be read: an interrupt that is known stays. Left out: false. */
  readonly isInterruptUnknown?: boolean | undefined;
};

/** A request of a client to the vendor's own API that is passed on as it came. */
export type NativeRequest = {
  readonly method: HttpMethod;
  /** The parts of the path below the base URL, decoded; none is empty, `.` or `..`. */
  readonly path: readonly string[];
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly body: Json | undefined;
};

/** The vendor's own API, for clients of the gateway that speak it. */
export interface NativeCalls {
  /** Whether the credentials are those of the place that a request names, such as `{ workspaceId }`. */
  serves(place: JsonObject): boolean;
  /** Left out: nothing is passed on. A refusal is an `UpstreamFault` with the vendor's status and body. */
  pass?(request: NativeRequest, signal: AbortSignal): Promise<HttpAnswer<unknown>>;
}

/** See {@link Adapter.native}. */
export type NativeApi = {
  /** The members of a target that say what to run, which a request in the vendor's own words names. */
  readonly names: readonly string[];
  /** The URLs in a request's config of which every member passes to the vendor, known or not. Left out: those of `urlsOf`. */
  urlsOf?(config: JsonObject): readonly RunUrl[];
  /**
   * A target that may leave them out; the adapter's own target takes it once they are added. Left out: no agent runs what a
   * request alone names.
   */
  readonly openTarget?: ZodType<JsonObject> | undefined;
};

export type StartRequest<Target> = {
  readonly target: Target;
  /** The vendor's input: what the mapping made of the client's. */
  readonly input: Json;
  /** The run's `config`, not yet checked: the adapter parses the options it knows. */
  readonly config: JsonObject;
  /** Where a vendor that can push is to call when the run changes. */
  readonly sink?: { readonly url: string } | undefined;
  /** The request came in the vendor's own words: members of `config` that the adapter does not know are the vendor's too. */
  readonly isNative?: boolean | undefined;
  /** Our id of the run, the same each time that a start is sent again: an idempotency key, an id to choose, a tag. */
  readonly runId: string;
};

/**
 * What a start was answered with: the vendor's run, and what the answer shows of it where it says more than an id. The
 * engine treats that as a look that was made at once. A vendor that answers with the end itself and names no run gives
 * null: then the observation must be final, and ends the run.
 */
export type StartAnswer =
  | { readonly upstream: UpstreamRef; readonly observation?: Observation | undefined }
  | { readonly upstream: null; readonly observation: Observation };

/** How long each way of adoption may still help, counted from the first time that the start was sent. */
export type AdoptionTerms = {
  /** How long the vendor knows a start by its `runId` again. Never used beyond 24 hours. */
  readonly keyLifeMs: number;
  /** How late a request that was sent may still arrive: until then, "not there" proves nothing. */
  readonly settleMs: number;
  /** How late the vendor's call to our sink may come. */
  readonly lastCallMs: number;
};

/** What is known of a start that got no answer. */
export type FindRequest<Target> = Pick<StartRequest<Target>, 'target' | 'config' | 'runId'> & {
  /** When it was sent first, by our clock. */
  readonly sentAtMs: number;
};

/** The calls behind {@link Capabilities.adopt}. */
export interface AdoptionCalls<Target = unknown> {
  /** Terms that differ from the usual ones: a key of 24 hours, two minutes to settle, a call within 70 minutes. */
  termsOf?(target: Target, config: JsonObject): Partial<AdoptionTerms>;
  /** Asks for the run that a start with this `runId` made. `unclear`: several, or one that may be another's. */
  find?(request: FindRequest<Target>, signal?: AbortSignal): Promise<UpstreamRef | 'absent' | 'unclear'>;
  /** The run that a call to our sink names; null where it names none of the target's. It is asked for, never believed. */
  refOfPush?(target: Target, body: Json): UpstreamRef | null;
  /**
   * The vendor's run, where its id follows from ours, so that it can be cancelled before it was ever seen: while its start is
   * under way, whose answer may be the end, and after that answer was lost.
   */
  refOf?(target: Target, runId: string): UpstreamRef;
  /** The vendor refuses a second run with the same tag while one lives, so that an absent one may be started again. */
  readonly refusesSecond?: boolean;
}

/**
 * What a message was answered with: the end of the run that it is, or that the vendor has taken it and answers it later.
 * Then `accepted` names the message, with all that tells its answer from those before, and the run is observed by it. Its
 * first partial output ends the run, as it does for the run that schedules a session.
 */
export type MessageAnswer = Observation | { readonly accepted: UpstreamRef };

export type SessionMessage = { readonly input: Json; readonly messageId: string };

/** How one long-lived agent at the vendor serves the runs of a thread. */
export interface SessionCalls<Target = unknown> {
  /**
   * The input that schedules a session whose every run is a message, the first one too. Undefined, or left out: the
   * session is scheduled with the first run's input, and what it shows then is that run's output.
   */
  openingInputOf?(target: Target): Json | undefined;
  /** A message with the same `messageId` is heard once, and answered the same each time that it is sent. */
  readonly repeatable?: boolean | ((target: Target) => boolean);
  /**
   * Sends a run's input. Gives the answer as a run that ended with it would be observed, unless it comes later. `messageId`
   * is the run's id.
   */
  send(target: Target, upstream: UpstreamRef, message: SessionMessage): Promise<MessageAnswer>;
  /** Whether the reference is of a message that was accepted, and not of a session. Left out: never. */
  isMessage?(upstream: UpstreamRef): boolean;
  /** Ends the session of a thread that is removed. */
  end(target: Target, upstream: UpstreamRef): Promise<void>;
}

/** How a run is ended that does not end by its cancel. */
export interface TerminationCalls<Target = unknown> {
  /** Null: never. */
  graceMsOf(target: Target): number | null;
  terminate(target: Target, upstream: UpstreamRef): Promise<void>;
}

/**
 * A live connection to one configured backend. Every call throws `UpstreamFault` and nothing else, but for `MappingFault`
 * where an expression of a vendor file failed and nothing was sent, or the run was only asked for.
 */
export interface Connection<Target = unknown> {
  start(request: StartRequest<Target>): Promise<StartAnswer>;
  /** The signal cuts the call short: the run is over here. */
  observe(target: Target, upstream: UpstreamRef, signal?: AbortSignal): Promise<Observation>;
  /**
   * The same, but the vendor holds its answer until the run changes or its patience ends; null: it lives on and shows
   * nothing new. The calls behind it say how long they may be held (`HttpCall.holdMs`). A fault of it never ends the run:
   * `observe` decides. See {@link Capabilities.attend}.
   */
  attend?(target: Target, upstream: UpstreamRef, signal?: AbortSignal): Promise<Observation | null>;
  /**
   * How many calls of `attend` the vendor takes at a time now; asked before each of them. Left out: as many as the config
   * allows. Adapters that attend by gRPC give {@link HttpClient.maxHeldRpcs}.
   */
  maxHeldCalls?(): number;
  /**
   * `resumption` is what the mapping's `resume` made of the client's payload; `deliveryId` is the same each time that it
   * is sent. Gives the vendor's new run where the vendor goes on in another one, which is observed from then on;
   * undefined: the run goes on under its id.
   */
  resume?(
    target: Target,
    upstream: UpstreamRef,
    resumption: Json,
    deliveryId: string,
  ): Promise<UpstreamRef | undefined>;
  /** The vendor takes a payload once by its `deliveryId`, so that one whose answer was lost is sent again. */
  readonly resumesOnce?: boolean;
  cancel?(target: Target, upstream: UpstreamRef): Promise<void>;
  /**
   * For vendors whose cancel is a wish that the run's own code grants. A run that is not over after `graceMsOf` its cancel
   * is ended by `terminate`, which says `gone` where it is.
   */
  readonly termination?: TerminationCalls<Target>;
  /** Whether target or config send the vendor's calls elsewhere, so that a `sink` of ours is left out. */
  ownsSink?(target: Target, config: JsonObject): boolean;
  /** For vendors whose agents can serve all runs of a thread; see {@link Capabilities.session}. */
  readonly session?: SessionCalls<Target>;
  /** For vendors that call one URL for a whole account. */
  readonly accountPush?: AccountPush | undefined;
  /** For vendors whose own API clients may speak to the gateway. */
  readonly native?: NativeCalls;
  /** For vendors that know a run again whose start got no answer; see {@link Capabilities.adopt}. */
  readonly adoption?: AdoptionCalls<Target>;
}

/** A URL in a run's `config` that the vendor will connect to; `path` is such as `sink/url`. */
export type RunUrl = { readonly path: string; readonly url: string; readonly isProxy: boolean };

/** Code that speaks one vendor's wire. See `docs/vendors/writing-an-adapter.md`. */
export interface Adapter<Settings = unknown, Target = unknown> {
  readonly name: string;
  /** Base URL of backends that name none. Left out, each names its own. */
  readonly baseUrl?: string | undefined;
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
  /** Left out: the gateway does not offer the vendor's own API to its clients. */
  readonly native?: NativeApi | undefined;
  /** Name of the default mapping of one target, where targets have answers of several shapes. Left out: that of the adapter. */
  mappingOf?(target: Target): string;
  /** Values that must never leave the process. */
  secretsOf(settings: Settings): readonly string[];
  /** How the settings want connections to be made. Left out: as usual. */
  connectionOptionsOf?(settings: Settings): ConnectionOptions;
  /** `expressions` compiles the expressions of an adapter that is made of data. */
  connect(settings: Settings, http: HttpClient, expressions: ExpressionCompiler): Connection<Target>;
}
