import type { CapShare } from './cap.ts';
import type { Json, JsonObject } from './json.ts';
import type { RunNotes } from './operator.ts';
import type { RunWebhook } from './run-webhook.ts';
import type { RunTrace } from './trace.ts';
import type { Waiting } from './waiting.ts';

/** The five statuses that clients see; they are ACP's. */
export const runStatuses = ['pending', 'success', 'error', 'timeout', 'interrupted'] as const;
export type RunStatus = (typeof runStatuses)[number];

/**
 * What may be done next with a run; finer than its status, so that a crash at any moment leaves a record
 * that says whether the vendor may have been called.
 *
 * - `queued`: durable; the vendor was not called.
 * - `starting`: written just before the vendor is called; while no answer is recorded, the vendor may have started it.
 * - `running`: the vendor answered with its own run, which is observed.
 * - `interrupted`: the agent waits for a payload.
 * - `resuming`: a payload was accepted and is not yet sent.
 * - `delivering`: written just before the payload is sent; found with a dead owner, its delivery is unknown.
 * - `done`: final.
 */
export const runPhases = ['queued', 'starting', 'running', 'interrupted', 'resuming', 'delivering', 'done'] as const;
export type RunPhase = (typeof runPhases)[number];

/** What a vendor calls the run: ids only, defined and read by its adapter. */
export type UpstreamRef = { readonly runId: string; readonly [name: string]: string };

export type Outcome =
  | { readonly kind: 'result'; readonly value: Json }
  | { readonly kind: 'interrupt'; readonly payload: Json }
  | { readonly kind: 'error'; readonly errcode: number; readonly description: string };

/** The protocol that a request came in, and what only protocols read of the request. */
export type RequestOrigin = {
  /** Name of the protocol, whose words the run's webhooks use; null where version 0.1 did not record it. */
  readonly protocol: string | null;
  /** Members that the engine does not read, in the words that the protocols share, such as `stream_mode`. */
  readonly extra: JsonObject;
};

/** How the calls of a run's webhook differ from the usual ones. */
export type WebhookTerms = {
  /** The change that is announced: the end of the run, or its success alone. Left out, every change of its status. */
  readonly only?: 'end' | 'success' | undefined;
  /** Headers that the receiver asked for; none takes the place of one of the gateway's. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
};

/** What the client asked for, in no protocol's words. Written once; each protocol shows it in its own words. */
export type RunRequest = {
  readonly input?: Json | undefined;
  readonly messages?: readonly Json[] | undefined;
  readonly config?: JsonObject | undefined;
  readonly metadata?: JsonObject | undefined;
  /** The client's name of the run's thread; left out where it named none, or named it by its id. */
  readonly threadName?: string | undefined;
  readonly webhook?: string | undefined;
  readonly webhookTerms?: WebhookTerms | undefined;
  /**
   * The request came in the words of the vendor's own API: input and output pass without the parts that the agent adds to the
   * vendor's mapping. `target` names what to run, where the agent leaves that to the request.
   */
  readonly native?: { readonly target: JsonObject } | undefined;
  /** The start is delayed by this long after the creation. */
  readonly afterMs?: number | undefined;
  /** Whether a thread that was made for this run alone, or named by it, goes when the run ends. */
  readonly onCompletion?: 'delete' | 'keep' | undefined;
  /** Left out where the run has no webhook and the request had no such members. */
  readonly origin?: RequestOrigin | undefined;
  /** Left out where the run was not created by a request of a client. */
  readonly trace?: RunTrace | undefined;
};

/** Fingerprints of an interrupt's payload, and of all that the vendor showed when it asked. */
export type Question = { readonly payload: string; readonly sighting: string };

/** The last partial output of a run; its value is in the event `seq`. */
export type PartialMark = {
  readonly seq: number;
  readonly fingerprint: string;
  /** Of its JSON. */
  readonly chars: number;
  readonly atMs: number;
};

/** An answer that was taken, by which the same one is known when it comes again. Its payload is in the event. */
export type TakenAnswer = {
  /** The event of the question; that of the answer follows it. */
  readonly questionSeq: number;
  /** The client's own name of the answer; left out where it gave none. */
  readonly mark?: string | undefined;
  /** Equal answers have the same. */
  readonly fingerprint: string;
  /** It did not reach the vendor, or may not have: the same answer is taken again once the vendor asks anew. */
  readonly isUndelivered?: true | undefined;
};

/** A payload that a client sent to an interrupted run. */
export type Resumption = { readonly payload: Json; readonly interrupt: Json };

export type Run = {
  /** UUID v7: sorts by creation. */
  readonly runId: string;
  readonly tenant: string;
  readonly agentId: string;
  readonly agentName: string;
  readonly threadId: string | null;
  readonly request: RunRequest;
  readonly phase: RunPhase;
  readonly status: RunStatus;
  readonly upstream: UpstreamRef | null;
  /**
   * The backend that the start is sent to, written before it is; left out where the agent has only one, and while the run
   * is queued and no backend may have it.
   */
  readonly backend?: string | undefined;
  /** When the start was sent first; present in `starting`, except where an earlier version wrote the run. */
  readonly startSentAtMs?: number | undefined;
  /** What the vendor's call to our sink named while the start was not settled; asked for before it is believed. */
  readonly named?: UpstreamRef | undefined;
  /** The last result, interrupt or error; null while there was none. */
  readonly outcome: Outcome | null;
  /** Present in `resuming` and `delivering`. */
  readonly resumption: Resumption | null;
  /** Answers to some of the questions that the run's interrupt lists, by their ids; left out while there are none. */
  readonly partialAnswers?: JsonObject | undefined;
  /** What the vendor showed with the run's interrupt, until its answer is out of date; left out, it is not known. */
  readonly asked?: Question | undefined;
  /** Fingerprint of the last interrupt payload that was answered, so that the vendor's echo does not interrupt again. */
  readonly answeredInterrupt: string | null;
  /** When the vendor took that answer; left out where it is not known. */
  readonly answeredAtMs?: number | undefined;
  /** The newest answers, oldest first; left out: the run was never answered, or by an earlier version. */
  readonly answers?: readonly TakenAnswer[] | undefined;
  /** What is kept of the vendor's terminal answer, with the ids of its run; left out before the end. */
  readonly vendor?: JsonObject | undefined;
  /** Left out where the run has shown no partial output. */
  readonly partial?: PartialMark | undefined;
  /** Failed attempts of the step under way (start or delivery), for its backoff. */
  readonly attempts: number;
  /**
   * Processes that took the run over and may have ended in an evaluation of its mapping; left out, none. Written before
   * such an evaluation begins.
   */
  readonly evaluations?: number | undefined;
  /** What the run waited for when that was last recorded, for readers that do not drive it; left out: nothing. */
  readonly waiting?: Waiting | undefined;
  /** The receivers of its changes; left out, the one that the request names, if it names one. */
  readonly webhooks?: readonly RunWebhook[] | undefined;
  /** The caps that the run was counted with; left out: none. Its end gives back what it holds of them. */
  readonly caps?: readonly CapShare[] | undefined;
  /** What the vendor's terminal answer says that the run cost, by the mapping; left out where that is not known. */
  readonly cost?: number | undefined;
  /** Left out: nothing of them is known yet. */
  readonly notes?: RunNotes | undefined;
  /** Sequence number of the newest event; the first event of a run has 1. */
  readonly lastSeq: number;
  /** Grows by one with every write; a writer that read an older version is refused. */
  readonly version: number;
  /** The replica whose run loop drives the run; null when none does. */
  readonly owner: string | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly startedAtMs: number | null;
  /** Past it the run ends as `timeout`. */
  readonly deadlineAtMs: number;
};

/** What a list shows of a run: nothing of its state, so that no output is read for it. */
export type RunSummary = Pick<
  Run,
  | 'runId'
  | 'tenant'
  | 'agentId'
  | 'agentName'
  | 'threadId'
  | 'request'
  | 'phase'
  | 'status'
  | 'vendor'
  | 'createdAtMs'
  | 'updatedAtMs'
> & {
  /** Why the run failed; left out for one that did not, and in a whole run, whose outcome has it. */
  readonly errcode?: number | undefined;
};

/** Identifies a run within its tenant. */
export type RunKey = { readonly tenant: string; readonly runId: string };
