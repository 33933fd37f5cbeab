import { digest } from '../../compute/fingerprint.ts';
import { callGuarded } from '../../compute/guarded-calls.ts';
import type { Observation } from '../../contract/adapter/adapter.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Json } from '../../contract/domain/json.ts';
import { type MappedStatus, MappingFault } from '../../contract/domain/mapping.ts';
import type { UpstreamRef } from '../../contract/domain/run.ts';
import { nextPollMs } from '../pacing/pacing.ts';
import { RunAge } from '../pacing/run-age.ts';
import { awaitsSession } from '../sessions/sessions.ts';
import { faultOf } from '../state/fault-recorder.ts';
import { failedMapping } from '../state/outcomes.ts';
import type { RunOutcome } from '../state/state-machine.ts';
import { Attendance } from './attendance.ts';
import { noteAnswer, noteCall, noteFault } from './call-notes.ts';
import { Echo } from './echo.ts';
import { LookPatience } from './look-patience.ts';
import { standBackMs } from './parked-run.ts';
import { PartialSpacing } from './partial-spacing.ts';
import { isWatched, type RunContext } from './run-context.ts';
import type { PollMemory } from './run-memory.ts';
import { readTerminalAnswer } from './terminal-answer.ts';

/** This many pushes of one run cause a poll at once; further ones no more often than a watched run is polled. */
const freePushes = 3;

/** When the run was asked for, and whether by a poll. */
type Sight = { readonly sentMs: number; readonly isPoll: boolean };

/** Polls one upstream run when it is due, or has the vendor hold a call, and records what changed. */
export class Poller {
  readonly #context: RunContext;
  /** Cuts an observation short, which unlike a start may be repeated. */
  #abort: AbortController | null = null;
  readonly #memory: PollMemory;
  readonly #age: RunAge;
  readonly #attendance: Attendance;
  readonly #patience: LookPatience;
  readonly #spacing: PartialSpacing;
  readonly #echo: Echo;

  constructor(context: RunContext) {
    const { deps, memory, agent, handle } = context;
    this.#context = context;
    this.#memory = memory;
    this.#echo = new Echo(deps.clock, memory);
    this.#patience = new LookPatience(agent, deps.clock, memory);
    this.#spacing = new PartialSpacing(deps.clock, handle, memory);
    this.#age = new RunAge(context);
    this.#attendance = new Attendance(context);
  }

  /** Starts the pace anew: the vendor has just accepted the run or a payload. `isDue`: or perhaps long ago. */
  restart({ resumed, isDue = false }: { readonly resumed: boolean; readonly isDue?: boolean }): void {
    const { clock } = this.#context.deps;
    this.#age.restart(resumed);
    this.#memory.notBeforeMs = null;
    this.#memory.lastPollMs = isDue ? null : clock.monotonicMs();
    this.#memory.random = clock.random();
  }

  /** Makes a poll due at once, because the vendor reported a change. */
  pollNow(): void {
    this.#memory.isPushed = true;
    this.#memory.wasPushed = true;
    this.#attendance.cutShort();
    this.#context.handle.wake();
  }

  abort(reason: string): void {
    this.#abort?.abort(reason);
    this.#attendance.abort(reason);
  }

  /** How long until the run is polled, or attended, next; zero or less: now. */
  get waitMs(): number {
    const dueMs = this.#memory.isPushed ? Math.min(this.#untilPushedPollMs(), this.#untilDueMs()) : this.#untilDueMs();
    const waitMs = Math.min(dueMs, this.#untilHeldMs());
    return waitMs <= 0 && this.#standsBack ? standBackMs(this.#context.deps.clock) : waitMs;
  }

  /** Polls that no client waits for are not made while too many calls are under way. */
  get #standsBack(): boolean {
    return this.#context.runPermit.isCrowded && !this.#memory.isPushed && !this.#isWatched;
  }

  /** Has the vendor hold a call where that is possible, and polls where it is not, or is due all the same. */
  observe(): Promise<void> {
    return this.#untilHeldMs() <= 0 && this.#untilDueMs() > 0 ? this.#attend() : this.#poll();
  }

  /** A run is polled first where it was pushed, where little is known of it, and while its polls fail. */
  #untilHeldMs(): number {
    const { isPushed, lastPollMs, faults } = this.#memory;
    if (isPushed || lastPollMs === null || faults > 0) return Number.POSITIVE_INFINITY;
    return this.#attendance.waitMs ?? Number.POSITIVE_INFINITY;
  }

  async #attend(): Promise<void> {
    const { handle, deps } = this.#context;
    const sentMs = deps.clock.monotonicMs();
    const seen = await this.#attendance.hold(this.#upstream);
    if (handle.isOver) return;
    const nowMs = deps.clock.monotonicMs();
    if (seen === null) {
      if (this.#attendance.isAttended) this.#age.noteAlive(nowMs);
      return;
    }
    this.#memory.lastPollMs = nowMs;
    await this.#read(seen, { sentMs, isPoll: false });
  }

  get #upstream(): UpstreamRef {
    const { upstream } = this.#context.handle.run;
    if (upstream === null) throw new TypeError('a running run has no upstream run');
    return upstream;
  }

  async #poll(): Promise<void> {
    const { agent, connection, handle, runPermit } = this.#context;
    // A pushed run's poll is likely to show a change, so it goes before those that only might.
    const turn = runPermit.waitForCall(this.#memory.isPushed || this.#isWatched ? 'watched' : 'unwatched');
    const permit = turn instanceof Promise ? await turn : turn;
    if (permit === null) return;
    const abort = new AbortController();
    let sentMs: number;
    let observation: Observation;
    try {
      sentMs = this.#notePoll();
      this.#abort = abort;
      const upstream = this.#upstream;
      noteCall(this.#context);
      observation = await permit.send(() =>
        callGuarded(handle.guard, () => connection.observe(agent.target, upstream, abort.signal)),
      );
    } catch (error) {
      if (!abort.signal.aborted) await this.#afterFault(error);
      return;
    } finally {
      // From here on the poll is not cut short: what it records may be what ends the run. And a run spends most of its
      // life between two polls: nothing of the last one is kept.
      this.#abort = null;
      permit.release();
    }
    this.#count('answered');
    await this.#read(observation, { sentMs, isPoll: true });
  }

  /** Notes that a poll is sent now, and when that is. */
  #notePoll(): number {
    const { deps, runPermit } = this.#context;
    if (this.#memory.isPushed) {
      this.#memory.pushedPolls += 1;
      runPermit.notePush();
    }
    this.#memory.isPushed = false;
    this.#memory.lastPollMs = deps.clock.monotonicMs();
    this.#memory.random = deps.clock.random();
    return this.#memory.lastPollMs;
  }

  get #isWatched(): boolean {
    return isWatched(this.#context);
  }

  /** Takes in what the answer to a start shows, as if the run had been polled now. */
  async take(observation: Observation): Promise<void> {
    const { handle, deps } = this.#context;
    if (!handle.isOver) await this.#read(observation, { sentMs: deps.clock.monotonicMs(), isPoll: false });
  }

  async #read(observation: Observation, sight: Sight): Promise<void> {
    const { handle, agent } = this.#context;
    this.#memory.faults = 0;
    this.#memory.retryAfterMs = null;
    this.#memory.notBeforeMs = observation.notBeforeMs ?? null;
    this.#patience.noteAnswer();
    noteAnswer(this.#context, 'observe');
    this.#context.wait.noteStuck(observation.stuck ?? null);
    try {
      const mapped = await agent.mapping.read(observation, handle.guard);
      // The run may have been ended elsewhere during the call.
      if (!handle.isOver) await this.#apply(mapped, observation, sight);
    } catch (error) {
      if (!(error instanceof MappingFault)) throw error;
      const vendor = agent.mapping.describeEnd(observation.raw);
      await handle.record({ kind: 'end', outcome: { ...failedMapping(error), vendor } });
    }
  }

  async #afterFault(error: unknown): Promise<void> {
    const { handle, wait, runPermit } = this.#context;
    if (error instanceof MappingFault) {
      // An expression of the vendor's file failed, and would again.
      await handle.record({ kind: 'end', outcome: failedMapping(error) });
      return;
    }
    const fault = faultOf(error);
    this.#count('failed');
    this.#memory.faults += 1;
    this.#memory.notBeforeMs = null;
    this.#memory.retryAfterMs = runPermit.retryAfterMs(fault);
    noteFault(this.#context, 'observe', fault, this.#memory.retryAfterMs);
    const outcome = this.#patience.judge(fault, wait.equalFaults);
    if (outcome !== null) await this.#end(outcome);
  }

  /** Repeated pushes must not make us call the vendor without end. */
  #untilPushedPollMs(): number {
    const { pacing, clock } = this.#context.deps;
    if (this.#memory.pushedPolls < freePushes || this.#memory.lastPollMs === null) return 0;
    return this.#memory.lastPollMs + pacing.watchedCeilingMs - clock.monotonicMs();
  }

  #untilDueMs(): number {
    const { handle, runPermit, deps } = this.#context;
    if (this.#memory.lastPollMs === null)
      return this.#isWatched ? 0 : this.#memory.firstPollMs - deps.clock.monotonicMs();
    const watched = this.#isWatched;
    const delayMs = nextPollMs(
      {
        watched,
        ageMs: this.#age.ageMs(this.#memory.lastPollMs),
        forecast: this.#age.forecast,
        pushed: runPermit.isPushed,
        attended: this.#attendance.isAttended,
        hasPartials: handle.run.partial !== undefined,
        backlogMs: runPermit.backlogMs(watched ? 'watched' : 'unwatched'),
        faults: this.#memory.faults,
        retryAfterMs: this.#memory.retryAfterMs ?? this.#wishedMs(this.#memory.lastPollMs),
        random: this.#memory.random,
      },
      deps.pacing,
    );
    const patienceEndsMs = this.#patience.endsMs;
    // A poll may show why the run does not go on, which its end is to say.
    const attendedMs = this.#attendance.isAttended ? this.#leftMs(this.#memory.lastPollMs) / 2 : delayMs;
    const calmMs = this.#memory.lastPollMs + Math.min(delayMs, Math.max(0, attendedMs));
    const dueMs = Math.min(calmMs, this.#echoEndsMs(this.#memory.lastPollMs));
    const soonestMs =
      patienceEndsMs === null ? dueMs : Math.min(dueMs, Math.max(patienceEndsMs, this.#memory.lastPollMs + 1));
    return soonestMs - deps.clock.monotonicMs();
  }

  /** What the vendor wishes, within what hides no end of a run: a vendor may wish for more than the run has left. */
  #wishedMs(lastPollMs: number): number | null {
    const { notBeforeMs } = this.#memory;
    if (notBeforeMs === null) return null;
    return Math.max(0, Math.min(notBeforeMs, this.#context.deps.pacing.ceilingMs, this.#leftMs(lastPollMs) / 2));
  }

  #leftMs(lastPollMs: number): number {
    const { handle } = this.#context;
    const { deadlineAtMs, createdAtMs } = handle.run;
    return handle.createdMonotonicMs + deadlineAtMs - createdAtMs - lastPollMs;
  }

  /** When a question that is held back counts as asked again, unless a poll has been sent since or faults slow the polls. */
  #echoEndsMs(lastPollMs: number): number {
    const endsMs = this.#memory.faults === 0 ? this.#echo.dueAtMs(this.#context.handle.run) : null;
    return endsMs === null || endsMs <= lastPollMs ? Number.POSITIVE_INFINITY : endsMs;
  }

  async #apply(mapped: MappedStatus, observation: Observation, sight: Sight): Promise<void> {
    const { handle, agent, deps, wait, log } = this.#context;
    const { run } = handle;
    if (mapped.kind !== 'unmapped') {
      wait.noteStatus(null);
      deps.faults.noteMapped(agent);
    }
    switch (mapped.kind) {
      case 'unmapped':
        deps.faults.recordUnmapped(log, agent, mapped);
        wait.noteStatus(mapped);
        this.#age.noteAlive(sight.sentMs);
        return;
      case 'pending':
        // A session goes on after it has answered. What it shows is the answer to the run that scheduled it, or to the
        // message by which it is observed.
        if (awaitsSession(run, agent) && mapped.partial !== undefined) {
          this.#noteEnd(sight);
          const closing = await readTerminalAnswer(this.#context, observation.raw);
          await handle.record({ kind: 'end', outcome: { status: 'success', value: mapped.partial, ...closing } });
          return;
        }
        this.#age.noteAlive(sight.sentMs);
        if (observation.isInterruptUnknown === true && run.phase === 'interrupted') return;
        if (run.phase === 'interrupted') await handle.record({ kind: 'clear' });
        else if (run.answeredInterrupt !== null) await handle.record({ kind: 'forget' });
        if (mapped.partial !== undefined) await this.#applyPartial(mapped.partial);
        return;
      case 'interrupted':
        if (run.phase !== 'interrupted') await this.#interrupt(mapped.payload, observation);
        return;
      case 'success':
        this.#noteEnd(sight);
        await this.#succeed(mapped.output, observation);
        return;
      case 'failed': {
        const { status, errcode, description } = mapped;
        this.#noteEnd(sight);
        const closing = readTerminalAnswer(this.#context, observation.raw);
        await this.#end({ status, errcode, description, ...(closing instanceof Promise ? await closing : closing) });
        return;
      }
      default:
        assertNever(mapped);
    }
  }

  async #interrupt(payload: Json, observation: Observation): Promise<void> {
    const { handle } = this.#context;
    const asked = await this.#echo.read(observation, payload);
    if (handle.isOver || this.#echo.holdsBack(handle.run, asked)) return;
    this.#age.noteEnded();
    await handle.record({ kind: 'interrupt', payload, asked });
  }

  /** The upstream run is over; where it was the thread's session, the thread has none any more. */
  async #end(outcome: RunOutcome, repeatsPartial = false): Promise<void> {
    const { handle, agent } = this.#context;
    const losesSession = awaitsSession(handle.run, agent);
    await handle.record({ kind: 'end', outcome, repeatsPartial, ...(losesSession ? { session: null } : {}) });
  }

  #noteEnd({ isPoll }: Sight): void {
    const { deps, agent, handle } = this.#context;
    const lagMs = this.#age.sinceAliveMs;
    if (lagMs !== null) {
      const mode = !isPoll ? 'held' : this.#memory.wasPushed ? 'push' : 'poll';
      const { trace } = handle.run.request;
      deps.metrics.observe('finish_lag_seconds', lagMs / 1000, { backend: agent.backend, mode }, trace?.context);
    }
    this.#age.noteEnded();
    // What was seen in another way may have been seen before the push.
    if (isPoll && !this.#memory.wasPushed) this.#context.runPermit.noteUnpushedEnd();
  }

  async #applyPartial(value: Json): Promise<void> {
    const { handle } = this.#context;
    if (!this.#spacing.isOver) return;
    const found = await digest(value);
    if (handle.isOver || found.fingerprint === handle.run.partial?.fingerprint) return;
    await handle.record({ kind: 'partial', value, digest: found });
  }

  async #succeed(value: Json, { raw }: Observation): Promise<void> {
    const { partial } = this.#context.handle.run;
    // One value, which is stored once.
    const repeatsPartial = partial !== undefined && (await digest(value)).fingerprint === partial.fingerprint;
    const closing = readTerminalAnswer(this.#context, raw);
    const answer = closing instanceof Promise ? await closing : closing;
    await this.#end({ status: 'success', value, ...answer }, repeatsPartial);
  }

  #count(result: string): void {
    const { deps, agent } = this.#context;
    deps.metrics.count('polls', { backend: agent.backend, result });
  }
}
