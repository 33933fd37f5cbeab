import { callGuarded } from '../../compute/guarded-calls.ts';
import type { MessageAnswer, Observation } from '../../contract/adapter/adapter.ts';
import { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Json } from '../../contract/domain/json.ts';
import { MappingFault } from '../../contract/domain/mapping.ts';
import type { UpstreamRef } from '../../contract/domain/run.ts';
import type { Permit } from '../limits/call-permit.ts';
import { isRepeatable } from '../sessions/sessions.ts';
import { failedMapping, isUnreadable, lostSession, unreadableAnswer } from '../state/outcomes.ts';
import type { RunOutcome } from '../state/state-machine.ts';
import { noteAnswer, noteCall, noteFault } from './call-notes.ts';
import { settleFailedStart, type UnsettledCall } from './open-call.ts';
import type { RunContext } from './run-context.ts';
import { readTerminalAnswer } from './terminal-answer.ts';

type Message = { readonly session: UpstreamRef; readonly input: Json; readonly permit: Permit };

/** Sends a run's input to the session of its thread, once. The answer to that very call is the run's output. */
export async function sendMessage(
  context: RunContext,
  { session, input, permit }: Message,
): Promise<UnsettledCall | null> {
  const { handle, agent, connection, runPermit, deps } = context;
  runPermit.markStarted();
  const calls = connection.session;
  if (calls === undefined) throw new TypeError('the adapter has no session calls');
  let answer: MessageAnswer;
  try {
    noteCall(context);
    answer = await permit.send(() =>
      callGuarded(handle.guard, () => calls.send(agent.target, session, { input, messageId: handle.run.runId })),
    );
  } catch (error) {
    if (error instanceof UpstreamFault && (await hasEnded(context, session, error))) {
      noteFault(context, 'start', error, null);
      deps.metrics.count('starts', { backend: agent.backend, result: 'gone' });
      await handle.record({ kind: 'end', outcome: lostSession(error.message), session: null });
      return null;
    }
    if (error instanceof UpstreamFault && isAnswered(error) && !isRepeatable(calls, agent.target)) {
      noteFault(context, 'start', error, null);
      await handle.record({ kind: 'end', outcome: unreadableAnswer(error) });
      return null;
    }
    return await settleFailedStart(context, 'message', error);
  }
  noteAnswer(context, 'start');
  deps.metrics.count('starts', { backend: agent.backend, result: 'accepted' });
  if ('accepted' in answer) await handle.record({ kind: 'started', upstream: answer.accepted });
  else await handle.record({ kind: 'end', outcome: await finalOutcome(context, answer, 'a message') });
  return null;
}

/** The vendor took the message, and what it answered cannot be read: sent again, the message would be taken twice. */
function isAnswered(fault: UpstreamFault): boolean {
  return isUnreadable(fault) && fault.httpStatus !== null && fault.httpStatus < 300;
}

/** Whether a message was refused because the session is over, by the vendor's word or by an observation of it. */
async function hasEnded(
  { agent: { target, mapping }, connection, runPermit }: RunContext,
  session: UpstreamRef,
  { consequence, httpStatus }: UpstreamFault,
): Promise<boolean> {
  if (consequence !== 'rejected') return false;
  if (httpStatus === 404 || httpStatus === 410) return true;
  const permit = await runPermit.waitForCall('start');
  if (permit === null) return false;
  try {
    const { kind } = await mapping.read(await permit.send(() => connection.observe(target, session)));
    return kind === 'success' || kind === 'failed';
  } catch (error) {
    return error instanceof UpstreamFault && error.consequence === 'gone';
  } finally {
    permit.release();
  }
}

/** What the mapping makes of the answer to a call after which there is nothing left to wait for. */
export async function finalOutcome(
  context: RunContext,
  answer: Observation,
  call: 'a message' | 'a start that names no run',
): Promise<RunOutcome> {
  const { agent, handle } = context;
  try {
    const mapped = await agent.mapping.read(answer, handle.guard);
    if (mapped.kind === 'success')
      return { status: 'success', value: mapped.output, ...(await readTerminalAnswer(context, answer.raw)) };
    if (mapped.kind === 'failed') {
      const { status, errcode, description } = mapped;
      return { status, errcode, description, ...(await readTerminalAnswer(context, answer.raw)) };
    }
    return failedMapping(new MappingFault('status', `an answer to ${call} must be final, not ${mapped.kind}`));
  } catch (error) {
    return failedMapping(error);
  }
}
