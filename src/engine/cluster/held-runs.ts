import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import { type Fence, heldOwner, type RestoreDecision } from '../../contract/store/fence.ts';
import type { Store } from '../../contract/store/store.ts';
import { repeat } from '../sleeper.ts';
import type { RunTransition } from '../state/state-machine.ts';

export type HeldRunsDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes a transition of a held run. Resolves also where another replica was faster. */
  readonly write: (run: Run, transition: RunTransition) => Promise<unknown>;
  /** Ends a run at its deadline. */
  readonly expire: (run: Run) => Promise<unknown>;
  /** The command for the operator's decision, without its flag. */
  readonly restoreCommand: string;
};

const batch = 200;
const deadlineRetryMs = 1000;

/** Runs of a store that may be an old copy: kept until the operator's decision, and no longer than to their deadlines. */
export class HeldRuns {
  readonly #deps: HeldRunsDeps;
  readonly #deadlines = new Map<string, () => void>();
  #stopLooking: () => Promise<void> = () => Promise.resolve();
  #isStopped = false;

  constructor(deps: HeldRunsDeps) {
    this.#deps = deps;
  }

  /** Carries out a decision that was made before the start, or waits for one. Rejects with `StorageFault`. */
  async start(lookEveryMs: number): Promise<void> {
    const { store, clock, log } = this.#deps;
    const { fence } = store;
    if (fence === null || (await this.#decided(fence))) return;
    let held = 0;
    for await (const run of this.#read()) {
      this.#keepDeadline(run);
      held += 1;
    }
    if (held === 0) return;
    log.warn(
      { runs: held, command: `${this.#deps.restoreCommand} --observe, --resume or --fail` },
      'store may be an old copy; unsent runs wait for the decision of the operator',
    );
    let isOver = false;
    this.#stopLooking = repeat(clock, lookEveryMs, async () => {
      if (isOver) return lookEveryMs;
      isOver = await this.#decided(fence).catch((error: unknown) => {
        log.warn({ err: error }, 'store unavailable; the decision about held runs is read again later');
        return false;
      });
      return lookEveryMs;
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelDeadlines();
    await this.#stopLooking();
  }

  /** Whether there was a decision, which is carried out then. */
  async #decided(fence: Fence): Promise<boolean> {
    const decision = await fence.decision();
    if (decision === null) return false;
    let settled = 0;
    for await (const run of this.#read()) {
      const transition = transitionFor(decision, run);
      if (transition === null) continue;
      await this.#deps.write(run, transition);
      settled += 1;
    }
    if (this.#isStopped) return false;
    await fence.free();
    this.#cancelDeadlines();
    this.#deps.log.info({ decision, settled }, 'decision of the operator about the restored store carried out');
    return true;
  }

  async *#read(): AsyncGenerator<Run> {
    let page: readonly Run[];
    let afterRunId: string | null = null;
    do {
      page = this.#isStopped ? [] : await this.#deps.store.owned(heldOwner, afterRunId, batch);
      yield* page;
      afterRunId = page.at(-1)?.runId ?? null;
    } while (page.length === batch);
  }

  #keepDeadline(run: Run): void {
    const { clock, expire, log } = this.#deps;
    const arm = (delayMs: number): void => {
      const cancel = clock.schedule(delayMs, () => {
        this.#deadlines.delete(run.runId);
        expire(run).catch((error: unknown) => {
          log.warn({ run_id: run.runId, err: error }, 'deadline could not be recorded; retrying');
          arm(deadlineRetryMs);
        });
      });
      this.#deadlines.set(run.runId, cancel);
    };
    arm(Math.max(0, run.deadlineAtMs - clock.nowMs()));
  }

  #cancelDeadlines(): void {
    for (const cancel of this.#deadlines.values()) cancel();
    this.#deadlines.clear();
  }
}

/** What a decision does to a held run before it is free; null: nothing. */
function transitionFor(decision: RestoreDecision, { phase }: Run): RunTransition | null {
  const reason = 'the store was restored from a copy';
  const end: RunTransition = {
    kind: 'end',
    outcome: {
      status: 'error',
      errcode: errcodes.startUnknown,
      description: `it is not known what became of the run: ${reason}, and the operator decided not to go on with it`,
    },
  };
  switch (decision) {
    case 'fail':
      return end;
    case 'resume':
      return null;
    case 'observe':
      if (phase === 'queued' || phase === 'starting') return end;
      return phase === 'resuming'
        ? { kind: 'undelivered', note: `it is not known whether the payload was sent: ${reason}` }
        : null;
    default:
      return assertNever(decision);
  }
}
