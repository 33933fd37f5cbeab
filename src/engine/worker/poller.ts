import type { Agent } from '../../contract/domain/agent.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import { type MappedStatus, MappingFault } from '../../contract/domain/mapping.ts';
import { StorageFault, type Store } from '../../contract/store/store.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import type { EventBus } from '../events/event-bus.ts';
import type { Permit } from '../limits/call-queue.ts';
import type { RunPermit } from '../limits/run-permit.ts';
import type { AgentDurations } from '../pacing/agent-durations.ts';
import { nextPollMs, type PacingLimits } from '../pacing/pacing.ts';
import { RunAge } from '../pacing/run-age.ts';
import { type FaultRecorder, failedMapping, faultOf, lostUpstream } from '../state/outcomes.ts';
import type { RunOutcome } from '../state/state-machine.ts';
import type { RunHandle } from './run-handle.ts';
import { hasScheduledSession } from './thread-turn.ts';

/** Events that are read at a time to find the last partial output. */
const recallBatch = 100;

/** So many pushes of one run are heeded at once, more of them no faster than a watched run is looked at. */
const freePushes = 3;

export type PollerDeps = {
  readonly store: Pick<Store, 'events'>;
  readonly clock: Clock;
  readonly bus: EventBus;
  readonly pacing: PacingLimits;
  readonly durations: AgentDurations;
  readonly faults: FaultRecorder;
  readonly metrics: Metrics;
};

/** Looks at one upstream run when it is due, and records what changed. */
export class Poller {
  readonly #handle: RunHandle;
  readonly #agent: Agent;
  readonly #runPermit: RunPermit;
  readonly #deps: PollerDeps;
  readonly #log: Log;
  /** Cuts an observation short: unlike a start it may be repeated. */
  #abort: AbortController | null = null;
  readonly #age: RunAge;
  #lastPollMs: number | null;
  /** When a run that was driven elsewhere is looked at first. */
  readonly #firstLookMs: number;
  #random: number;
  #faults = 0;
  #retryAfterMs: number | null = null;
  /** Since when the vendor has said that it does not know the run. */
  #goneSinceMs: number | null = null;
  #lastPartial: string | null = null;
  /** What was shown last may stand in the run's events only. */
  #inheritsPartial: boolean;
  #poked = false;
  /** Looks that were made because of a push, and did not show the end. */
  #heeded = 0;
  /** The vendor has told us of this run. */
  #heard = false;

  /** `lookWithinMs`: the run was driven elsewhere before, so nobody knows how long it has not been looked at. */
  constructor(
    handle: RunHandle,
    agent: Agent,
    runPermit: RunPermit,
    deps: PollerDeps,
    log: Log,
    lookWithinMs: number | null,
  ) {
    this.#handle = handle;
    this.#agent = agent;
    this.#runPermit = runPermit;
    this.#deps = deps;
    this.#log = log;
    const inherited = lookWithinMs !== null;
    const nowMs = deps.clock.nowMs();
    this.#inheritsPartial = inherited;
    this.#age = new RunAge(deps, handle.run, inherited);
    this.#random = deps.clock.random();
    this.#lastPollMs = inherited ? null : nowMs;
    this.#firstLookMs = nowMs + (lookWithinMs ?? 0) * this.#random;
  }

  /** The vendor took the run or a payload just now: the pace starts anew. */
  restart({ resumed }: { readonly resumed: boolean }): void {
    this.#age.restart(resumed);
    this.#lastPollMs = this.#deps.clock.nowMs();
    this.#random = this.#deps.clock.random();
  }

  /** The vendor says that something happened: look at once. */
  poke(): void {
    this.#poked = true;
    this.#heard = true;
    this.#handle.wake();
  }

  abort(reason: string): void {
    this.#abort?.abort(reason);
  }

  /** How long until the next look is due; none left: it is. */
  get waitMs(): number {
    return this.#poked ? Math.min(this.#untilHeededMs(), this.#untilDueMs()) : this.#untilDueMs();
  }

  async look(): Promise<void> {
    // What the vendor told us about pays for itself; the others wait their turn.
    const permit = await this.#runPermit.enter(this.#poked || this.#isWatched ? 'watched' : 'unwatched');
    if (permit === null) return;
    try {
      if (this.#poked) this.#heeded += 1;
      this.#poked = false;
      await this.#lookWith(permit);
    } finally {
      permit.drop();
    }
  }

  get #isWatched(): boolean {
    const { runId, threadId } = this.#handle.run;
    return this.#deps.bus.isWatched(runId, threadId);
  }

  async #lookWith(permit: Permit): Promise<void> {
    const { upstream } = this.#handle.run;
    if (upstream === null) throw new TypeError('a running run has no upstream run');
    const sentMs = this.#deps.clock.nowMs();
    this.#lastPollMs = sentMs;
    this.#random = this.#deps.clock.random();
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const { connection, target, mapping } = this.#agent;
      const observation = await permit.send(() => connection.observe(target, upstream, abort.signal));
      // From here on the look is not to be cut short: its own record may be what ends the run.
      this.#abort = null;
      this.#count('answered');
      this.#faults = 0;
      this.#retryAfterMs = null;
      this.#goneSinceMs = null;
      const mapped = await mapping.read(observation);
      // What was seen while the run was ended elsewhere is of no interest any more.
      if (!this.#handle.over) await this.#apply(mapped, sentMs);
    } catch (error) {
      if (abort.signal.aborted) return;
      if (error instanceof MappingFault) {
        await this.#handle.record({ kind: 'end', outcome: failedMapping(error) });
        return;
      }
      await this.#afterFault(error);
    } finally {
      // Between two looks, which is most of a run's life, nothing is kept of the last one.
      this.#abort = null;
    }
  }

  /** Nothing that goes wrong while looking is terminal, but a run that the vendor has forgotten for long enough. */
  async #afterFault(error: unknown): Promise<void> {
    const fault = faultOf(error);
    this.#count('failed');
    this.#deps.faults.note(this.#log, this.#agent, 'observe', fault);
    this.#faults += 1;
    this.#retryAfterMs = fault.retryAfterMs;
    if (fault.consequence !== 'gone') return;
    const nowMs = this.#deps.clock.nowMs();
    this.#goneSinceMs ??= nowMs;
    if (nowMs - this.#goneSinceMs < this.#agent.lostAfterMs) return;
    await this.#end(lostUpstream());
  }

  /** Whoever repeats a push must not make us ask the vendor without end. */
  #untilHeededMs(): number {
    if (this.#heeded < freePushes || this.#lastPollMs === null) return 0;
    return this.#lastPollMs + this.#deps.pacing.watchedCeilingMs - this.#deps.clock.nowMs();
  }

  #untilDueMs(): number {
    if (this.#lastPollMs === null) return this.#isWatched ? 0 : this.#firstLookMs - this.#deps.clock.nowMs();
    const watched = this.#isWatched;
    const delayMs = nextPollMs(
      {
        watched,
        ageMs: this.#age.ageMs(this.#lastPollMs),
        forecast: this.#age.forecast,
        pushed: this.#runPermit.isPushed,
        lively: this.#lastPartial !== null,
        backlogMs: this.#runPermit.backlogMs(watched ? 'watched' : 'unwatched'),
        faults: this.#faults,
        retryAfterMs: this.#retryAfterMs,
        random: this.#random,
      },
      this.#deps.pacing,
    );
    // A run that the vendor has forgotten is looked at once more just when the patience with it ends.
    const patienceEndsMs = this.#goneSinceMs === null ? null : this.#goneSinceMs + this.#agent.lostAfterMs;
    const dueMs = this.#lastPollMs + delayMs;
    const soonestMs = patienceEndsMs === null ? dueMs : Math.min(dueMs, Math.max(patienceEndsMs, this.#lastPollMs + 1));
    return soonestMs - this.#deps.clock.nowMs();
  }

  async #apply(mapped: MappedStatus, sentMs: number): Promise<void> {
    const { run } = this.#handle;
    switch (mapped.kind) {
      case 'unmapped':
        this.#deps.faults.noteUnmapped(this.#log, this.#agent, mapped.vendorStatus);
        this.#age.noteAlive(sentMs);
        return;
      case 'pending':
        // A living agent goes on after it has answered. Nobody but the run that scheduled it is observed, so what it
        // shows can be no answer to another one.
        if (hasScheduledSession(run, this.#agent) && mapped.partial !== undefined) {
          this.#noteEnd();
          await this.#handle.record({ kind: 'end', outcome: { status: 'success', value: mapped.partial } });
          return;
        }
        this.#age.noteAlive(sentMs);
        if (run.phase === 'interrupted') await this.#handle.record({ kind: 'clear' });
        else if (run.answeredInterrupt !== null) await this.#handle.record({ kind: 'forget' });
        if (mapped.partial !== undefined) await this.#applyPartial(mapped.partial);
        return;
      case 'interrupted':
        // A vendor may show an interrupt for a while after it was answered: it must not interrupt again.
        if (run.phase === 'interrupted' || run.answeredInterrupt === canonicalJson(mapped.payload)) return;
        this.#age.noteEnded();
        await this.#handle.record({ kind: 'interrupt', payload: mapped.payload });
        return;
      case 'success':
        this.#noteEnd();
        await this.#end({ status: 'success', value: mapped.output });
        return;
      case 'failed': {
        const { status, errcode, description } = mapped;
        this.#noteEnd();
        await this.#end({ status, errcode, description });
        return;
      }
      default:
        assertNever(mapped);
    }
  }

  /** The vendor's run is over; where it was the living agent of the thread, the thread has none any more. */
  async #end(outcome: RunOutcome): Promise<void> {
    const hadSession = hasScheduledSession(this.#handle.run, this.#agent);
    await this.#handle.record({ kind: 'end', outcome, ...(hadSession ? { session: null } : {}) });
  }

  #noteEnd(): void {
    this.#age.noteEnded();
    if (!this.#heard) this.#runPermit.noteSilentEnd();
  }

  async #applyPartial(value: Json): Promise<void> {
    if (this.#lastPartial === null && !(await this.#recallPartial())) return;
    const text = canonicalJson(value);
    if (text === this.#lastPartial) return;
    this.#lastPartial = text;
    await this.#handle.record({ kind: 'partial', value });
  }

  /** Another process may have recorded partial outputs before. False: the store does not say; the next look asks. */
  async #recallPartial(): Promise<boolean> {
    const { runId, lastSeq } = this.#handle.run;
    try {
      for (let before = this.#inheritsPartial ? lastSeq : 0; before > 0; before -= recallBatch) {
        const afterSeq = Math.max(0, before - recallBatch);
        const events = await this.#deps.store.events(runId, afterSeq, before - afterSeq);
        const last = events.findLast(({ change }) => change.kind === 'partial')?.change;
        if (last?.kind !== 'partial') continue;
        this.#lastPartial = canonicalJson(last.value);
        break;
      }
      this.#inheritsPartial = false;
      return true;
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error;
      return false;
    }
  }

  #count(result: string): void {
    this.#deps.metrics.count('polls', { backend: this.#agent.backend, result });
  }
}
