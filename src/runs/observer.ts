import type { Agent } from '../contract/agent.ts';
import type { Clock } from '../contract/clock.ts';
import { assertNever, canonicalJson, type Json } from '../contract/json.ts';
import type { Log, Metrics } from '../contract/log.ts';
import { MappingFault, type Reading } from '../contract/mapping.ts';
import type { Crossing } from './crossing.ts';
import type { Pass } from './gate.ts';
import type { History } from './history.ts';
import { nextPollMs, type PacingLimits } from './pacing.ts';
import { Sightings } from './sightings.ts';
import type { Tenure } from './tenure.ts';
import { type FaultLedger, failedMapping, faultOf, lostUpstream } from './vendor-faults.ts';
import type { Watch } from './watch.ts';

export type ObserverParts = {
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
  #abort = new AbortController();
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
  #poked = false;
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

  abort(): void {
    this.#abort.abort();
  }

  /** Sleeps until the next look is due, or looks. */
  async takeTurn(): Promise<void> {
    const waitMs = this.#poked ? 0 : this.#untilDueMs();
    if (waitMs > 0) return await this.#tenure.sleep(waitMs);
    // What the vendor told us about pays for itself; the others wait their turn.
    const pass = await this.#crossing.enter(this.#poked || this.#isWatched ? 'watched' : 'unwatched');
    if (pass === null) return;
    try {
      this.#poked = false;
      await this.#look(pass);
    } finally {
      pass.drop();
    }
  }

  get #isWatched(): boolean {
    return this.#parts.watch.isWatched(this.#tenure.run.runId);
  }

  async #look(pass: Pass): Promise<void> {
    const { upstream } = this.#tenure.run;
    if (upstream === null) throw new TypeError('a running run has no upstream run');
    const sentMs = this.#parts.clock.nowMs();
    this.#lastPollMs = sentMs;
    this.#random = this.#parts.clock.random();
    this.#abort = new AbortController();
    try {
      const { connection, target, mapping } = this.#agent;
      const observation = await pass.send(() => connection.observe(target, upstream, this.#abort.signal));
      this.#count('answered');
      this.#faults = 0;
      this.#retryAfterMs = null;
      this.#goneSinceMs = null;
      const reading = await mapping.read(observation);
      // What was seen while the run was ended elsewhere is of no interest any more.
      if (!this.#tenure.over) await this.#apply(reading, sentMs);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (error instanceof MappingFault) {
        await this.#tenure.record({ kind: 'end', ending: failedMapping(error) });
        return;
      }
      await this.#afterFault(error);
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
    await this.#tenure.record({ kind: 'end', ending: lostUpstream() });
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
        this.#sightings.noteLiving(sentMs);
        // A living agent goes on after it has answered; what it shows is the answer to the run that scheduled it.
        if (this.#agent.capabilities.living && run.threadId !== null && reading.partial !== undefined) {
          await this.#tenure.record({ kind: 'end', ending: { status: 'success', value: reading.partial } });
          return;
        }
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
        await this.#tenure.record({ kind: 'end', ending: { status: 'success', value: reading.output } });
        return;
      case 'failed': {
        const { status, errcode, description } = reading;
        this.#noteEnd();
        await this.#tenure.record({ kind: 'end', ending: { status, errcode, description } });
        return;
      }
      default:
        assertNever(reading);
    }
  }

  #noteEnd(): void {
    this.#sightings.noteEnded();
    if (!this.#heard) this.#crossing.noteSilentEnd();
  }

  async #applyPartial(value: Json): Promise<void> {
    const text = canonicalJson(value);
    if (text === this.#lastPartial) return;
    this.#lastPartial = text;
    await this.#tenure.record({ kind: 'partial', value });
  }

  #count(result: string): void {
    this.#parts.metrics.count('polls', { backend: this.#agent.backend, result });
  }
}
