import type { Agent } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { assertNever, canonicalJson, type Json } from '../../contract/domain/json.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import { MappingFault, type Reading } from '../../contract/domain/mapping.ts';
import { StorageFault, type Store } from '../../contract/store/store.ts';
import type { Crossing } from '../limits/run-permit.ts';
import type { Pass } from '../limits/call-queue.ts';
import type { Ending } from '../state/state-machine.ts';
import type { History } from '../pacing/agent-durations.ts';
import { nextPollMs, type PacingLimits } from '../pacing/pacing.ts';
import { Sightings } from '../pacing/run-age.ts';
import type { Tenure } from './run-handle.ts';
import { hasScheduledLiving } from './thread-turn.ts';
import { type FaultLedger, failedMapping, faultOf, lostUpstream } from '../state/outcomes.ts';
import type { Watch } from '../events/event-bus.ts';

/** Events that are read at a time to find the last partial output. */
const recallBatch = 100;

/** So many pushes of one run are heeded at once, more of them no faster than a watched run is looked at. */
const freePushes = 3;

export type ObserverParts = {
  readonly store: Pick<Store, 'events'>;
  readonly clock: Clock;
  readonly watch: Watch;
  readonly pacing: PacingLimits;
  readonly history: History;
  readonly ledger: FaultLedger;
  readonly metrics: Metrics;
};

/** Looks at one upstream run when it is due, and records what changed. */
export class Observer {
  readonly #tenure: Tenure;
  readonly #agent: Agent;
  readonly #crossing: Crossing;
  readonly #parts: ObserverParts;
  readonly #log: Log;
  /** Cuts an observation short: unlike a start it may be repeated. */
  #abort: AbortController | null = null;
  readonly #sightings: Sightings;
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
    tenure: Tenure,
    agent: Agent,
    crossing: Crossing,
    parts: ObserverParts,
    log: Log,
    lookWithinMs: number | null,
  ) {
    this.#tenure = tenure;
    this.#agent = agent;
    this.#crossing = crossing;
    this.#parts = parts;
    this.#log = log;
    const inherited = lookWithinMs !== null;
    const nowMs = parts.clock.nowMs();
    this.#inheritsPartial = inherited;
    this.#sightings = new Sightings(parts, tenure.run, inherited);
    this.#random = parts.clock.random();
    this.#lastPollMs = inherited ? null : nowMs;
    this.#firstLookMs = nowMs + (lookWithinMs ?? 0) * this.#random;
  }

  /** The vendor took the run or a payload just now: the pace starts anew. */
  restart({ resumed }: { readonly resumed: boolean }): void {
    this.#sightings.restart(resumed);
    this.#lastPollMs = this.#parts.clock.nowMs();
    this.#random = this.#parts.clock.random();
  }

  /** The vendor says that something happened: look at once. */
  poke(): void {
    this.#poked = true;
    this.#heard = true;
    this.#tenure.wake();
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
    const pass = await this.#crossing.enter(this.#poked || this.#isWatched ? 'watched' : 'unwatched');
    if (pass === null) return;
    try {
      if (this.#poked) this.#heeded += 1;
      this.#poked = false;
      await this.#lookWith(pass);
    } finally {
      pass.drop();
    }
  }

  get #isWatched(): boolean {
    const { runId, threadId } = this.#tenure.run;
    return this.#parts.watch.isWatched(runId, threadId);
  }

  async #lookWith(pass: Pass): Promise<void> {
    const { upstream } = this.#tenure.run;
    if (upstream === null) throw new TypeError('a running run has no upstream run');
    const sentMs = this.#parts.clock.nowMs();
    this.#lastPollMs = sentMs;
    this.#random = this.#parts.clock.random();
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const { connection, target, mapping } = this.#agent;
      const observation = await pass.send(() => connection.observe(target, upstream, abort.signal));
      // From here on the look is not to be cut short: its own record may be what ends the run.
      this.#abort = null;
      this.#count('answered');
      this.#faults = 0;
      this.#retryAfterMs = null;
      this.#goneSinceMs = null;
      const reading = await mapping.read(observation);
      // What was seen while the run was ended elsewhere is of no interest any more.
      if (!this.#tenure.over) await this.#apply(reading, sentMs);
    } catch (error) {
      if (abort.signal.aborted) return;
      if (error instanceof MappingFault) {
        await this.#tenure.record({ kind: 'end', ending: failedMapping(error) });
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
    this.#parts.ledger.note(this.#log, this.#agent, 'observe', fault);
    this.#faults += 1;
    this.#retryAfterMs = fault.retryAfterMs;
    if (fault.consequence !== 'gone') return;
    const nowMs = this.#parts.clock.nowMs();
    this.#goneSinceMs ??= nowMs;
    if (nowMs - this.#goneSinceMs < this.#agent.lostAfterMs) return;
    await this.#end(lostUpstream());
  }

  /** Whoever repeats a push must not make us ask the vendor without end. */
  #untilHeededMs(): number {
    if (this.#heeded < freePushes || this.#lastPollMs === null) return 0;
    return this.#lastPollMs + this.#parts.pacing.watchedCeilingMs - this.#parts.clock.nowMs();
  }

  #untilDueMs(): number {
    if (this.#lastPollMs === null) return this.#isWatched ? 0 : this.#firstLookMs - this.#parts.clock.nowMs();
    const watched = this.#isWatched;
    const delayMs = nextPollMs(
      {
        watched,
        ageMs: this.#sightings.ageMs(this.#lastPollMs),
        forecast: this.#sightings.forecast,
        pushed: this.#crossing.isPushed,
        lively: this.#lastPartial !== null,
        backlogMs: this.#crossing.backlogMs(watched ? 'watched' : 'unwatched'),
        faults: this.#faults,
        retryAfterMs: this.#retryAfterMs,
        random: this.#random,
      },
      this.#parts.pacing,
    );
    // A run that the vendor has forgotten is looked at once more just when the patience with it ends.
    const patienceEndsMs = this.#goneSinceMs === null ? null : this.#goneSinceMs + this.#agent.lostAfterMs;
    const dueMs = this.#lastPollMs + delayMs;
    const soonestMs = patienceEndsMs === null ? dueMs : Math.min(dueMs, Math.max(patienceEndsMs, this.#lastPollMs + 1));
    return soonestMs - this.#parts.clock.nowMs();
  }

  async #apply(reading: Reading, sentMs: number): Promise<void> {
    const { run } = this.#tenure;
    switch (reading.kind) {
      case 'unmapped':
        this.#parts.ledger.noteUnmapped(this.#log, this.#agent, reading.vendorStatus);
        this.#sightings.noteLiving(sentMs);
        return;
      case 'pending':
        // A living agent goes on after it has answered. Nobody but the run that scheduled it is observed, so what it
        // shows can be no answer to another one.
        if (hasScheduledLiving(run, this.#agent) && reading.partial !== undefined) {
          this.#noteEnd();
          await this.#tenure.record({ kind: 'end', ending: { status: 'success', value: reading.partial } });
          return;
        }
        this.#sightings.noteLiving(sentMs);
        if (run.phase === 'interrupted') await this.#tenure.record({ kind: 'clear' });
        else if (run.answeredInterrupt !== null) await this.#tenure.record({ kind: 'forget' });
        if (reading.partial !== undefined) await this.#applyPartial(reading.partial);
        return;
      case 'interrupted':
        // A vendor may show an interrupt for a while after it was answered: it must not interrupt again.
        if (run.phase === 'interrupted' || run.answeredInterrupt === canonicalJson(reading.payload)) return;
        this.#sightings.noteEnded();
        await this.#tenure.record({ kind: 'interrupt', payload: reading.payload });
        return;
      case 'success':
        this.#noteEnd();
        await this.#end({ status: 'success', value: reading.output });
        return;
      case 'failed': {
        const { status, errcode, description } = reading;
        this.#noteEnd();
        await this.#end({ status, errcode, description });
        return;
      }
      default:
        assertNever(reading);
    }
  }

  /** The vendor's run is over; where it was the living agent of the thread, the thread has none any more. */
  async #end(ending: Ending): Promise<void> {
    const wasLiving = hasScheduledLiving(this.#tenure.run, this.#agent);
    await this.#tenure.record({ kind: 'end', ending, ...(wasLiving ? { living: null } : {}) });
  }

  #noteEnd(): void {
    this.#sightings.noteEnded();
    if (!this.#heard) this.#crossing.noteSilentEnd();
  }

  async #applyPartial(value: Json): Promise<void> {
    if (this.#lastPartial === null && !(await this.#recallPartial())) return;
    const text = canonicalJson(value);
    if (text === this.#lastPartial) return;
    this.#lastPartial = text;
    await this.#tenure.record({ kind: 'partial', value });
  }

  /** Another process may have recorded partial outputs before. False: the store does not say; the next look asks. */
  async #recallPartial(): Promise<boolean> {
    const { runId, lastSeq } = this.#tenure.run;
    try {
      for (let before = this.#inheritsPartial ? lastSeq : 0; before > 0; before -= recallBatch) {
        const afterSeq = Math.max(0, before - recallBatch);
        const events = await this.#parts.store.events(runId, afterSeq, before - afterSeq);
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
    this.#parts.metrics.count('polls', { backend: this.#agent.backend, result });
  }
}
