import { callGuarded } from '../../compute/guarded-calls.ts';
import type { Observation, StartAnswer, StartRequest } from '../../contract/adapter/adapter.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { InputContext } from '../../contract/domain/mapping.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import type { Thread } from '../../contract/domain/thread.ts';
import type { Permit } from '../limits/call-permit.ts';
import { openingInputOf, placeOf, sessionOf, transitionAfterStart } from '../sessions/sessions.ts';
import { failedMapping, foreignStart } from '../state/outcomes.ts';
import { noteAnswer, noteCall } from './call-notes.ts';
import { settleFailedStart, type UnsettledCall } from './open-call.ts';
import { type MovedRun, mayChoose, waitAtBackend } from './placed-start.ts';
import type { RunContext } from './run-context.ts';
import { finalOutcome, sendMessage } from './send-message.ts';
import { waitForTurn } from './thread-turn.ts';

/**
 * What a start leaves to do: to find out what became of it, where the vendor can be asked, or to take in what its answer
 * shows of the run, or to go on at another backend. Null: nothing.
 */
export type StartResult =
  | UnsettledCall
  | MovedRun
  | { readonly kind: 'seen'; readonly observation: Observation }
  | null;

/** Starts a queued run at the vendor, once: `starting` is durable before the first byte is sent. */
export async function startRun(context: RunContext): Promise<StartResult> {
  if (!(await waitForTurn(context))) return null;
  if (!(await waitWhileStopped(context))) return null;
  const permit = await waitAtBackend(context);
  if (permit === null || 'kind' in permit) return permit;
  try {
    return await startWith(context, permit);
  } finally {
    permit.release();
  }
}

/** A stop that is lifted wakes the runs that wait for it; this is for one that leaves another backend to them. */
const stopLookMs = 5000;

/** False: an operator keeps the run from its start, and it has slept until it is worth asking again. */
async function waitWhileStopped(context: RunContext): Promise<boolean> {
  const { handle, agent, deps, wait } = context;
  const { tenant } = handle.run;
  const places = mayChoose(context) ? (agent.places ?? []).map((place) => place.agent) : [agent];
  const isStopped = places.every((each) => deps.stops.of({ agent: each, tenant }) !== null);
  wait.noteStop(isStopped);
  if (!isStopped) return true;
  await handle.sleep(stopLookMs);
  return false;
}

async function startWith(context: RunContext, permit: Permit): Promise<StartResult> {
  const { handle, agent, deps, runPermit } = context;
  const { threadId, tenant } = handle.run;
  const thread = threadId === null ? null : await deps.store.threads.findThread({ tenant, threadId });
  let input: Json;
  try {
    input = await agent.mapping.input(inputContext(handle.run, agent, thread), handle.guard);
  } catch (error) {
    await handle.record({ kind: 'end', outcome: failedMapping(error) });
    return null;
  }
  // The last moment at which nothing was sent: what was stopped while the run waited is not begun.
  if (deps.stops.of({ agent, tenant }) !== null) {
    permit.release();
    runPermit.leave();
    context.wait.noteStop(true);
    await handle.sleep(stopLookMs);
    return null;
  }
  if ((await handle.record({ kind: 'begin', ...placeOf(agent) })) !== 'recorded') return null;
  const session = sessionOf(thread, agent);
  if (session === null) return await requestStart(context, input, permit);
  return await sendMessage(context, { session, input, permit });
}

/** Asks the vendor, once `starting` is durable. Uses the permit, or releases it. */
export async function requestStart(context: RunContext, input: Json, permit: Permit): Promise<StartResult> {
  const { connection, handle, runPermit } = context;
  let answer: StartAnswer;
  try {
    runPermit.markStarted();
    noteQueued(context);
    const request = buildStart(context, input);
    try {
      noteCall(context);
      answer = await permit.send(() => callGuarded(handle.guard, () => connection.start(request)));
    } catch (error) {
      return await settleFailedStart(context, 'start', error);
    }
  } finally {
    permit.release();
  }
  return await takeAnswer(context, answer);
}

/** How long the run waited for its start, once. */
function noteQueued({ handle, agent, deps }: RunContext): void {
  const { attempts, createdAtMs, request } = handle.run;
  if (attempts > 0) return;
  const sinceMs = createdAtMs + (request.afterMs ?? 0);
  const nowMs = deps.clock.nowMs();
  const { backend } = agent;
  deps.metrics.observe('run_queue_seconds', (nowMs - sinceMs) / 1000, { backend }, request.trace?.context);
  deps.tracer?.record('queue', {
    parent: request.trace?.context,
    startMs: sinceMs,
    endMs: nowMs,
    attributes: { run_id: handle.run.runId, backend },
  });
}

/** Records what a start was answered with, the first time or when it was sent again. */
export async function takeAnswer(context: RunContext, answer: StartAnswer): Promise<StartResult> {
  const { handle } = context;
  if (answer.upstream === null) {
    noteAnswer(context, 'start');
    context.deps.metrics.count('starts', { backend: context.agent.backend, result: 'accepted' });
    await handle.record({
      kind: 'end',
      outcome: await finalOutcome(context, answer.observation, 'a start that names no run'),
    });
    return null;
  }
  const { upstream, observation } = answer;
  if (!(await recordStart(context, upstream))) {
    await handle.record({ kind: 'end', outcome: foreignStart(upstream.runId) });
    return null;
  }
  return observation === undefined ? null : { kind: 'seen', observation };
}

/** The start of a run as its vendor gets it, each time that it is sent. */
export function buildStart({ handle, agent, runPermit }: RunContext, input: Json): StartRequest<unknown> {
  const { run } = handle;
  const opening = openingInputOf(run, agent);
  return {
    target: agent.target,
    input: opening === undefined ? input : opening,
    config: run.request.config ?? {},
    sink: runPermit.sink ?? undefined,
    ...(run.request.native === undefined ? {} : { isNative: true }),
    runId: run.runId,
  };
}

/**
 * Records what the vendor answered to a start, or what was found of one that had no answer. False: it is another run's, and
 * nothing was recorded.
 */
export async function recordStart(context: RunContext, upstream: UpstreamRef): Promise<boolean> {
  const { handle, agent, deps, log } = context;
  noteAnswer(context, 'start');
  const recorded = await handle.record(transitionAfterStart(handle.run, agent, upstream));
  if (recorded === 'taken') {
    // What has this id at the vendor belongs to the other run: it is neither polled nor stopped for this one.
    log.warn({ upstream }, 'the vendor answered a start with the id of another run');
    return false;
  }
  deps.metrics.count('starts', { backend: agent.backend, result: 'accepted' });
  log.debug({ upstream }, 'run started at the vendor');
  if (recorded === 'overtaken') await settleOvertaken(context, upstream);
  return true;
}

/** What the vendor started is stopped where the run was ended or removed during the call, and not where it goes on elsewhere. */
async function settleOvertaken({ handle, agent, deps, log }: RunContext, upstream: UpstreamRef): Promise<void> {
  const { run } = handle;
  const isClaimed = run.phase !== 'done' && run.owner !== null && run.owner !== deps.replica;
  if (!isClaimed || (run.upstream !== null && run.upstream.runId !== upstream.runId)) {
    deps.stopper.stopRun(run, upstream, agent);
    return;
  }
  if (run.upstream !== null) return;
  // Its new owner does not know what the start was answered with, and asks for what is named.
  log.info({ upstream, owner: run.owner }, 'the answer to a start is for the replica that has claimed the run');
  try {
    await deps.writer.write(run, { kind: 'named', upstream });
  } catch (error) {
    log.warn({ err: error, upstream }, 'the answer to a start could not be handed over');
  }
}

/** What an `input` expression of the mapping sees. */
export function inputContext({ request }: Run, agent: Agent, thread: Thread | null): InputContext {
  return {
    input: request.input ?? {},
    messages: request.messages ?? [],
    config: request.config ?? {},
    metadata: request.metadata ?? {},
    state: thread?.values ?? null,
    history: thread?.messages ?? [],
    agent: { name: agent.name, version: agent.version },
  };
}
