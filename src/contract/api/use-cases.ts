import type { Agent } from '../domain/agent.ts';
import type { RunEvent } from '../domain/event.ts';
import type { Json } from '../domain/json.ts';
import type { Run, RunKey, RunRequest } from '../domain/run.ts';
import type { RunQuery } from '../store/store.ts';
import type { RunQuota } from '../store/usage-store.ts';
import type { ItemUseCases } from './item-use-cases.ts';
import type { ThreadUseCases } from './thread-use-cases.ts';

export type CreateRun = {
  readonly tenant: string;
  /** UUID or configured name; left out, the config's default agent. */
  readonly agent: string | undefined;
  readonly request: RunRequest;
  /** The client's name for this very creation: a second one with it makes no second run. */
  readonly idempotencyKey?: string | undefined;
  readonly thread?: JoinThread | undefined;
  /** Names of the agents that may be used, the default one too; left out, all. Another one is `agent_forbidden`. */
  readonly agents?: ReadonlySet<string> | undefined;
  /** Refused with `too_many_runs` when the key has so many live runs already. */
  readonly quota?: RunQuota | undefined;
};

/** How a run joins a thread. */
export type JoinThread = {
  readonly threadId: string;
  readonly ifNotExists: 'reject' | 'create';
  /** What happens when a run of the thread is live: refuse, wait, cancel it and keep it, cancel it and remove it. */
  readonly whenBusy: 'reject' | 'enqueue' | 'interrupt' | 'rollback';
};

/** `replayed`: the run was made by an earlier request with the same idempotency key. */
export type Creation = { readonly run: Run; readonly replayed: boolean };

export type AgentQuery = {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly limit: number;
  readonly offset: number;
};

/** The events of one run, pulled by one reader. */
export interface RunFeed {
  /** The next events, in order and without a gap; waits for them. Null: the terminal event was given, or the run is gone. */
  next(): Promise<readonly RunEvent[] | null>;
  /** The reader left. Ends a waiting `next` with null. */
  close(): void;
}

/** What the core can do, in no protocol's words. Every method throws `GatewayError`. */
export interface UseCases extends ThreadUseCases, ItemUseCases {
  /** Durable when it resolves; the start at the vendor is not waited for. */
  createRun(command: CreateRun): Promise<Creation>;
  getRun(key: RunKey): Promise<Run>;
  /** The run as soon as it is not pending, or as it is after `blockMs` or once `signal` fires. */
  awaitRun(key: RunKey, blockMs: number, signal: AbortSignal): Promise<Run>;
  watchRun(key: RunKey, afterSeq: number): Promise<RunFeed>;
  resumeRun(key: RunKey, payload: Json): Promise<Run>;
  /**
   * Ends a live run as cancelled; one that is done stays as it is. `rollback` removes it too, so that the thread is as
   * before it. With `wait` it resolves after the vendor was told, else as soon as it is durable.
   */
  cancelRun(key: RunKey, options: { readonly action: 'interrupt' | 'rollback'; readonly wait: boolean }): Promise<Run>;
  /** Cancels where the run is live, then removes it; the run as it was at its end. */
  deleteRun(key: RunKey): Promise<Run>;
  searchRuns(query: RunQuery): Promise<readonly Run[]>;
  getAgent(idOrName: string): Agent;
  searchAgents(query: AgentQuery): readonly Agent[];
}
