import { callGuarded } from '../../compute/guarded-calls.ts';
import type { FindRequest } from '../../contract/adapter/adapter.ts';
import { UpstreamFault } from '../../contract/adapter/http.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import { MappingFault } from '../../contract/domain/mapping.ts';
import type { UpstreamRef } from '../../contract/domain/run.ts';
import type { Thread } from '../../contract/domain/thread.ts';
import { nextRetryMs } from '../pacing/pacing.ts';
import { sessionOf } from '../sessions/sessions.ts';
import { faultOf } from '../state/fault-recorder.ts';
import { failedMapping, rejectedStart, unknownStart } from '../state/outcomes.ts';
import type { RunOutcome } from '../state/state-machine.ts';
import { adoptionKindOf, adoptionTermsOf } from './adoption-kind.ts';
import { noteCall, noteFault } from './call-notes.ts';
import type { RunContext } from './run-context.ts';
import { finalOutcome } from './send-message.ts';
import { buildStart, inputContext, recordStart, takeAnswer } from './start-run.ts';

/** One answer of the vendor to what became of the start. */
type Attempt =
  | { readonly kind: 'settled' }
  /** Ask again; `retryAfterMs` is the vendor's wish. */
  | { readonly kind: 'again'; readonly retryAfterMs: number | null };

const settled: Attempt = { kind: 'settled' };
const again: Attempt = { kind: 'again', retryAfterMs: null };

/**
 * Finds what became of a start that has no answer: because the process died during the call, or because the answer was
 * lost or says nothing. The run stays in `starting`, with its slot, and is never started anew under another id.
 * `docs/vendors/adoption.md` has the order of attempts and the races.
 */
export class Adoption {
  readonly #context: RunContext;
  readonly #reason: string;
  /** When the start was sent first, by the monotonic clock; the wall clock is read once. */
  readonly #sentMonotonicMs: number;
  readonly #sentAtMs: number;
  /** What the vendor's call named, kept for a run that is ended before it was asked for. */
  #named: UpstreamRef | undefined;
  #abort: AbortController | null = null;
  #tries = 0;
  #hasBegun = false;
  #hasEnded = false;
  /** What the attempts came to, for the end. */
  #tried = '';

  /** `reason` says why nothing is known, for the client. */
  constructor(context: RunContext, reason: string) {
    const { handle, deps } = context;
    const { startSentAtMs, updatedAtMs } = handle.run;
    this.#context = context;
    this.#reason = reason;
    this.#sentAtMs = startSentAtMs ?? updatedAtMs;
    this.#sentMonotonicMs = deps.clock.monotonicMs() - Math.max(0, deps.clock.nowMs() - this.#sentAtMs);
    context.wait.noteUnsettled();
  }

  /** The end of a run whose deadline comes before its start is settled. */
  get outcomeAtDeadline(): RunOutcome {
    return this.#unknown('the deadline of the run came first');
  }

  /** The run was ended because of what the vendor answered, or did not. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  abort(reason: string): void {
    this.#abort?.abort(reason);
  }

  /** Makes one attempt, and sleeps until the next is due. */
  async takeTurn(): Promise<void> {
    const { handle, agent, deps, log } = this.#context;
    const { threadId, tenant, named } = handle.run;
    this.#named = named;
    if (named !== undefined && (await this.#askFor(named)).kind === 'settled') return;
    const thread = threadId === null ? null : await deps.store.threads.findThread({ tenant, threadId });
    const session = sessionOf(thread, agent);
    const kind = adoptionKindOf(this.#context, session === null ? 'start' : 'message');
    if (kind !== 'none' && !this.#hasBegun) {
      this.#hasBegun = true;
      log.warn({ reason: this.#reason }, 'start has no answer; the vendor is asked for its run');
    }
    switch (kind) {
      case 'start':
        return await this.#sleepAfter(await this.#repeat(thread, session));
      case 'find':
        return await this.#sleepAfter(await this.#find(adoptionTermsOf(this.#context).settleMs));
      case 'push':
        return await this.#awaitPush();
      case 'none':
        return await this.#giveUp('');
      default:
        assertNever(kind);
    }
  }

  /** Sends the start, or the message, again under the same id: the vendor answers with what the first one made. */
  async #repeat(thread: Thread | null, session: UpstreamRef | null): Promise<Attempt> {
    const { keyLifeMs } = adoptionTermsOf(this.#context);
    if (this.#leftMs(keyLifeMs) <= 0) return await this.#giveUpAttempt('the vendor no longer knows its key');
    const { handle, agent, connection } = this.#context;
    try {
      const input = await agent.mapping.input(inputContext(handle.run, agent, thread), handle.guard);
      if (session === null) {
        const request = buildStart(this.#context, input);
        const answer = await this.#call('start', () => connection.start(request));
        if (answer === null) return settled;
        // What the answer shows of a run with an id is asked for at once.
        await takeAnswer(this.#context, answer);
        this.#hasEnded = handle.run.phase === 'done';
        return settled;
      }
      const message = { input, messageId: handle.run.runId };
      const answer = await this.#call('start', async () => connection.session?.send(agent.target, session, message));
      if (answer == null) return settled;
      if ('accepted' in answer) await handle.record({ kind: 'started', upstream: answer.accepted });
      else await this.#end(await finalOutcome(this.#context, answer, 'a message'));
      return settled;
    } catch (error) {
      if (error instanceof MappingFault) {
        await this.#end(failedMapping(error));
        return settled;
      }
      const fault = this.#note('start', error, 'the start was sent again');
      if (fault.consequence !== 'rejected' && fault.consequence !== 'gone') return againAfter(fault);
      // A key that is used with another input, or one that another call holds, is no word on the first start.
      const isTargetGone = session === null && (fault.httpStatus === 404 || fault.httpStatus === 410);
      if (!isTargetGone) return await this.#giveUpAttempt('');
      await this.#end(rejectedStart(fault.message));
      return settled;
    }
  }

  /** Searches for the run. One that is absent after `termMs` is given up. */
  async #find(termMs: number): Promise<Attempt> {
    const { handle, agent, connection } = this.#context;
    // Read before the call: what is absent after that was absent when no request could arrive any more.
    const isSettled = this.#leftMs(termMs) <= 0;
    try {
      const found = await this.#call('watched', async (signal) => connection.adoption?.find?.(this.#search, signal));
      if (found === null) return settled;
      const isFound = found !== undefined && typeof found !== 'string';
      if (isFound && (await recordStart(this.#context, found))) return settled;
      this.#tries += 1;
      const seen = found === 'absent' ? 'it was not there' : 'what was found is not clearly its own';
      this.#tried = `the vendor was asked for it ${times(this.#tries)}, and ${seen}`;
      if (!isSettled) return again;
      const mayRestart = found === 'absent' && connection.adoption?.refusesSecond === true;
      if (agent.onUnknownStart !== 'retry' || !mayRestart) return await this.#giveUpAttempt('');
      await handle.record({ kind: 'postpone' });
      this.#context.runPermit.leave();
      return settled;
    } catch (error) {
      const fault = this.#note('observe', error, 'the vendor was asked for it');
      return isSettled && fault.consequence === 'rejected' ? await this.#giveUpAttempt('') : againAfter(fault);
    }
  }

  /** Sleeps until the vendor's call names the run; a search, where the vendor has one, goes on beside it. */
  async #awaitPush(): Promise<void> {
    const { handle, connection } = this.#context;
    const { lastCallMs } = adoptionTermsOf(this.#context);
    const leftMs = this.#leftMs(lastCallMs);
    if (leftMs <= 0) return await this.#giveUp("the vendor's call did not come");
    if (connection.adoption?.find !== undefined) return await this.#sleepAfter(await this.#find(lastCallMs));
    const { named } = handle.run;
    await handle.sleepThrough(named === undefined ? leftMs : Math.min(leftMs, this.#delayMs(null)));
  }

  /** Asks, with our credentials, for the run that the vendor's call named: only an answer adopts it. */
  async #askFor(named: UpstreamRef): Promise<Attempt> {
    const { agent, connection } = this.#context;
    try {
      const seen = await this.#call('watched', (signal) => connection.observe(agent.target, named, signal));
      if (seen === null || (await recordStart(this.#context, named))) return settled;
      this.#tried = 'the call of the vendor named what belongs to another run';
      return again;
    } catch (error) {
      this.#note('observe', error, 'the run that the call of the vendor named was asked for');
      return again;
    }
  }

  /**
   * Finds what the start has made and cancels it, for a run that was ended here meanwhile. Gives what was cancelled; null:
   * nothing. Throws `UpstreamFault`; `gone` says that it is not there yet.
   */
  async cancelAtVendor(): Promise<UpstreamRef | null> {
    const { agent, connection } = this.#context;
    const upstream = await this.#locate();
    if (upstream !== null) await connection.cancel?.(agent.target, upstream);
    return upstream;
  }

  /** How long a request that was sent may still arrive. */
  get unsettledMs(): number {
    return Math.max(0, this.#leftMs(adoptionTermsOf(this.#context).settleMs));
  }

  /** Null: there is no run of ours to look for. */
  async #locate(): Promise<UpstreamRef | null> {
    const { handle, agent, connection, deps } = this.#context;
    const { runId, threadId, tenant } = handle.run;
    if (this.#named !== undefined) return this.#named;
    const { adoption } = connection;
    if (adoption?.refOf !== undefined) return adoption.refOf(agent.target, runId);
    const thread = threadId === null ? null : await deps.store.threads.findThread({ tenant, threadId });
    if (sessionOf(thread, agent) !== null) return null;
    if (adoption?.find !== undefined) {
      const found = await adoption.find(this.#search);
      if (typeof found !== 'string') return found;
      throw new UpstreamFault({
        consequence: 'gone',
        kind: 'http-status',
        message: 'the vendor does not have the run',
      });
    }
    if (adoptionKindOf(this.#context, 'start') !== 'start') return null;
    // Known by its key, what the first request made is answered, and nothing else is made.
    const input = await agent.mapping.input(inputContext(handle.run, agent, thread), handle.guard);
    return (await connection.start(buildStart(this.#context, input))).upstream;
  }

  get #search(): FindRequest<unknown> {
    const { handle, agent } = this.#context;
    const { runId, request } = handle.run;
    return { target: agent.target, config: request.config ?? {}, runId, sentAtMs: this.#sentAtMs };
  }

  /** Null: the run is over. */
  async #call<T>(urgency: 'start' | 'watched', call: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    const permit = await this.#context.runPermit.waitForCall(urgency);
    if (permit === null) return null;
    const abort = new AbortController();
    this.#abort = abort;
    try {
      noteCall(this.#context);
      return await permit.send(() => callGuarded(this.#context.handle.guard, () => call(abort.signal)));
    } catch (error) {
      if (abort.signal.aborted && error instanceof UpstreamFault) return null;
      throw error;
    } finally {
      this.#abort = null;
      permit.release();
    }
  }

  #note(purpose: 'start' | 'observe', error: unknown, what: string): UpstreamFault {
    const { agent, deps } = this.#context;
    const fault = faultOf(error);
    this.#tries += 1;
    this.#tried = `${what} ${times(this.#tries)}, at last: ${fault.message}`;
    noteFault(this.#context, purpose, fault, null);
    this.#context.wait.noteUnsettled();
    if (purpose === 'start') deps.metrics.count('starts', { backend: agent.backend, result: fault.consequence });
    return fault;
  }

  async #sleepAfter(attempt: Attempt): Promise<void> {
    if (attempt.kind === 'again') await this.#context.handle.sleepThrough(this.#delayMs(attempt.retryAfterMs));
  }

  #delayMs(retryAfterMs: number | null): number {
    return nextRetryMs(Math.max(0, this.#tries - 1), retryAfterMs, this.#context.deps.clock.random());
  }

  #leftMs(termMs: number): number {
    return this.#sentMonotonicMs + termMs - this.#context.deps.clock.monotonicMs();
  }

  async #giveUpAttempt(why: string): Promise<Attempt> {
    await this.#giveUp(why);
    return settled;
  }

  /** Ends the run as unknown, or starts it again where the operator prefers that and nothing could be asked. */
  async #giveUp(why: string): Promise<void> {
    const { handle, agent, runPermit } = this.#context;
    if (agent.onUnknownStart === 'retry' && this.#tries === 0 && why === '') {
      await handle.record({ kind: 'postpone' });
      runPermit.leave();
    } else await this.#end(this.#unknown(why));
  }

  async #end(outcome: RunOutcome): Promise<void> {
    this.#hasEnded = true;
    await this.#context.handle.record({ kind: 'end', outcome });
  }

  #unknown(why: string): RunOutcome {
    return unknownStart([this.#reason, this.#tried, why].filter((part) => part !== '').join('; '));
  }
}

function againAfter({ retryAfterMs }: UpstreamFault): Attempt {
  return { kind: 'again', retryAfterMs };
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
