import type { Observation } from '../../contract/adapter/adapter.ts';
import { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import { type InputContext, MappingFault } from '../../contract/domain/mapping.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import type { Session, Thread } from '../../contract/domain/thread.ts';
import type { Permit } from '../limits/call-queue.ts';
import type { RunPermit } from '../limits/run-permit.ts';
import { nextRetryMs } from '../pacing/pacing.ts';
import {
  type FaultRecorder,
  failedMapping,
  faultOf,
  lostAgent,
  rejectedStart,
  unknownStart,
} from '../state/outcomes.ts';
import type { RunOutcome, RunTransition } from '../state/state-machine.ts';
import type { Canceller } from './canceller.ts';
import type { RunHandle } from './run-handle.ts';
import { sessionOf, type TurnDeps, threadOf, waitForTurn } from './thread-turn.ts';

export type StartRunDeps = TurnDeps & {
  readonly canceller: Canceller;
  readonly faults: FaultRecorder;
  readonly metrics: Metrics;
};

/** Starts and deliveries are never cut short: cutting one leaves an outcome that nobody knows. */
const neverAborted = new AbortController().signal;

/** Asks the vendor to start a queued run, once: `starting` is durable before the first byte is sent. */
export async function startRun(
  handle: RunHandle,
  agent: Agent,
  deps: StartRunDeps,
  log: Log,
  runPermit: RunPermit,
): Promise<void> {
  if (!(await waitForTurn(handle, deps, log))) return;
  const permit = await runPermit.enterToStart();
  if (permit === null) return;
  try {
    await start(handle, agent, deps, log, { runPermit, permit });
  } finally {
    permit.drop();
  }
}

/** The right to ask the vendor to start one run. */
export type StartPermit = { readonly runPermit: RunPermit; readonly permit: Permit };

async function start(
  handle: RunHandle,
  agent: Agent,
  deps: StartRunDeps,
  log: Log,
  { runPermit, permit }: StartPermit,
): Promise<void> {
  const thread = await threadOf(handle, deps.store);
  let input: Json;
  try {
    input = await agent.mapping.input(inputContext(handle.run, agent, thread));
  } catch (error) {
    await handle.record({ kind: 'end', outcome: failedMapping(error) });
    return;
  }
  if ((await handle.record({ kind: 'begin' })) !== 'recorded') return;
  const session = sessionOf(thread, agent);
  if (session === null) return await requestStart(handle, agent, input, deps, log, { runPermit, permit });
  runPermit.began();
  await sendMessage(handle, agent, session, input, deps, log, { runPermit, permit });
}

/** `starting` is durable: asks the vendor. */
export async function requestStart(
  handle: RunHandle,
  agent: Agent,
  input: Json,
  deps: StartRunDeps,
  log: Log,
  { runPermit, permit }: StartPermit,
): Promise<void> {
  runPermit.began();
  const lives = agent.capabilities.session && handle.run.threadId !== null;
  const opening = lives ? agent.connection.openingOf?.(agent.target) : undefined;
  let upstream: UpstreamRef;
  try {
    const { tenant, request: asked } = handle.run;
    const { config = {} } = asked;
    const sink = runPermit.sink ?? undefined;
    const request = { target: agent.target, input: opening === undefined ? input : opening, config, tenant, sink };
    upstream = await permit.send(() => agent.connection.start(request, neverAborted));
  } catch (error) {
    return await settleFailedStart(handle, agent, deps, log, error, runPermit);
  }
  deps.metrics.count('starts', { backend: agent.backend, result: 'accepted' });
  log.debug({ upstream }, 'the vendor took the run');
  const transition = stepAfterStart(upstream, lives ? { agentId: agent.agentId, upstream } : undefined, opening);
  // It may have been cancelled or removed while the vendor was asked: then what was started must be stopped.
  if ((await handle.record(transition)) === 'overtaken') {
    deps.canceller.stopUpstream(handle.run, upstream, agent);
  }
}

function stepAfterStart(upstream: UpstreamRef, session: Session | undefined, opening: Json | undefined): RunTransition {
  if (session === undefined) return { kind: 'started', upstream };
  return opening === undefined ? { kind: 'started', upstream, session } : { kind: 'scheduled', session };
}

/** What a mapping makes the vendor's input of. */
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

/** Sends a run's input to the living agent of its thread, once; what that very call answers is the output. */
async function sendMessage(
  handle: RunHandle,
  agent: Agent,
  upstream: UpstreamRef,
  input: Json,
  deps: StartRunDeps,
  log: Log,
  { runPermit, permit }: StartPermit,
): Promise<void> {
  const { connection, target } = agent;
  if (connection.sendMessage === undefined) throw new TypeError('an adapter with living agents has no converse');
  const say = connection.sendMessage.bind(connection);
  let answer: Observation;
  try {
    answer = await permit.send(() => say(target, upstream, input, neverAborted));
  } catch (error) {
    if (error instanceof UpstreamFault && (await hasEnded(error, agent, upstream, runPermit))) {
      deps.faults.note(log, agent, 'start', error);
      deps.metrics.count('starts', { backend: agent.backend, result: 'gone' });
      await handle.record({ kind: 'end', outcome: lostAgent(error.message), session: null });
      return;
    }
    return await settleFailedStart(handle, agent, deps, log, error, runPermit);
  }
  deps.metrics.count('starts', { backend: agent.backend, result: 'accepted' });
  await handle.record({ kind: 'end', outcome: await readAnswer(agent, answer) });
}

/** Whether a message was refused because the agent is over, by the vendor's word or by a look at it. */
async function hasEnded(
  { consequence, httpStatus }: UpstreamFault,
  { connection, target, mapping }: Agent,
  upstream: UpstreamRef,
  runPermit: RunPermit,
): Promise<boolean> {
  if (consequence !== 'rejected') return false;
  if (httpStatus === 404 || httpStatus === 410) return true;
  const permit = await runPermit.enter('start');
  if (permit === null) return false;
  try {
    const { kind } = await mapping.read(await permit.send(() => connection.observe(target, upstream, neverAborted)));
    return kind === 'success' || kind === 'failed';
  } catch (error) {
    return error instanceof UpstreamFault && error.consequence === 'gone';
  } finally {
    permit.drop();
  }
}

/** What the mapping makes of the answer to a message. The message was taken, so there is nothing left to wait for. */
async function readAnswer(agent: Agent, answer: Observation): Promise<RunOutcome> {
  try {
    const mapped = await agent.mapping.read(answer);
    if (mapped.kind === 'success') return { status: 'success', value: mapped.output };
    if (mapped.kind === 'failed') {
      const { status, errcode, description } = mapped;
      return { status, errcode, description };
    }
    return failedMapping(new MappingFault('status', `an answer to a message must be final, not ${mapped.kind}`));
  } catch (error) {
    return failedMapping(error);
  }
}

async function settleFailedStart(
  handle: RunHandle,
  agent: Agent,
  deps: StartRunDeps,
  log: Log,
  error: unknown,
  runPermit: RunPermit,
): Promise<void> {
  const fault = faultOf(error);
  deps.faults.note(log, agent, 'start', fault);
  deps.metrics.count('starts', { backend: agent.backend, result: fault.consequence });
  if (fault.consequence === 'retry' || (fault.consequence === 'unknown' && agent.onUnknownStart === 'retry')) {
    const delayMs = nextRetryMs(handle.run.attempts, fault.retryAfterMs, deps.clock.random());
    const postponed = await handle.record({ kind: 'postpone' });
    runPermit.leave();
    if (postponed === 'recorded') await handle.sleepThrough(delayMs);
    return;
  }
  const outcome = fault.consequence === 'unknown' ? unknownStart(fault.message) : rejectedStart(fault.message);
  await handle.record({ kind: 'end', outcome });
}

/** Sends an accepted payload to the interrupted upstream run, once. */
export async function deliverPayload(
  handle: RunHandle,
  agent: Agent,
  deps: StartRunDeps,
  log: Log,
  runPermit: RunPermit,
): Promise<void> {
  const { mapping, connection, target } = agent;
  const { resumption, upstream, runId } = handle.run;
  if (resumption === null || upstream === null || connection.resume === undefined) {
    await handle.record({ kind: 'undelivered', note: 'the agent cannot take a payload' });
    return;
  }
  const permit = await runPermit.enter('start');
  if (permit === null) return;
  try {
    const payload = await mapping.resume({ ...resumption, run: { run_id: runId, upstream } });
    if ((await handle.record({ kind: 'deliver' })) !== 'recorded') return;
    await permit.send(async () => connection.resume?.(target, upstream, payload, neverAborted));
    await handle.record({ kind: 'delivered' });
  } catch (error) {
    if (error instanceof MappingFault) {
      await handle.record({ kind: 'end', outcome: failedMapping(error) });
      return;
    }
    const fault = faultOf(error);
    deps.faults.note(log, agent, 'resume', fault);
    if (fault.consequence === 'retry') {
      const delayMs = nextRetryMs(handle.run.attempts, fault.retryAfterMs, deps.clock.random());
      if ((await handle.record({ kind: 'redeliver' })) === 'recorded') await handle.sleepThrough(delayMs);
      return;
    }
    // Refused or unknown: only the vendor's next answer can tell, and a client may decide to send it again.
    await handle.record({ kind: 'undelivered', note: `the payload was not taken: ${fault.message}` });
  } finally {
    permit.drop();
  }
}
