import type { Observation } from '../../contract/adapter/adapter.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import { type InputContext, MappingFault } from '../../contract/domain/mapping.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import type { LivingAgent, Thread } from '../../contract/domain/thread.ts';
import { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Crossing } from '../limits/run-permit.ts';
import type { Pass } from '../limits/call-queue.ts';
import type { Ending, Step } from '../state/state-machine.ts';
import { nextRetryMs } from '../pacing/pacing.ts';
import type { Tenure } from './run-handle.ts';
import type { Terminator } from './canceller.ts';
import { livingOf, type TurnParts, threadOf, waitForTurn } from './thread-turn.ts';
import { type FaultLedger, failedMapping, faultOf, lostAgent, rejectedStart, unknownStart } from '../state/outcomes.ts';

export type AskingParts = TurnParts & {
  readonly terminator: Terminator;
  readonly ledger: FaultLedger;
  readonly metrics: Metrics;
};

/** Starts and deliveries are never cut short: cutting one leaves an outcome that nobody knows. */
const neverAborted = new AbortController().signal;

/** Asks the vendor to start a queued run, once: `starting` is durable before the first byte is sent. */
export async function startRun(
  tenure: Tenure,
  agent: Agent,
  parts: AskingParts,
  log: Log,
  crossing: Crossing,
): Promise<void> {
  if (!(await waitForTurn(tenure, parts, log))) return;
  const pass = await crossing.enterToStart();
  if (pass === null) return;
  try {
    await start(tenure, agent, parts, log, { crossing, pass });
  } finally {
    pass.drop();
  }
}

/** The right to ask the vendor to start one run. */
export type StartPass = { readonly crossing: Crossing; readonly pass: Pass };

async function start(
  tenure: Tenure,
  agent: Agent,
  parts: AskingParts,
  log: Log,
  { crossing, pass }: StartPass,
): Promise<void> {
  const thread = await threadOf(tenure, parts.store);
  let input: Json;
  try {
    input = await agent.mapping.input(inputContext(tenure.run, agent, thread));
  } catch (error) {
    await tenure.record({ kind: 'end', ending: failedMapping(error) });
    return;
  }
  if ((await tenure.record({ kind: 'begin' })) !== 'recorded') return;
  const living = livingOf(thread, agent);
  if (living === null) return await askToStart(tenure, agent, input, parts, log, { crossing, pass });
  crossing.began();
  await converse(tenure, agent, living, input, parts, log, { crossing, pass });
}

/** `starting` is durable: asks the vendor. */
export async function askToStart(
  tenure: Tenure,
  agent: Agent,
  input: Json,
  parts: AskingParts,
  log: Log,
  { crossing, pass }: StartPass,
): Promise<void> {
  crossing.began();
  const lives = agent.capabilities.living && tenure.run.threadId !== null;
  const opening = lives ? agent.connection.openingOf?.(agent.target) : undefined;
  let upstream: UpstreamRef;
  try {
    const { tenant, request: asked } = tenure.run;
    const { config = {} } = asked;
    const sink = crossing.sink ?? undefined;
    const request = { target: agent.target, input: opening === undefined ? input : opening, config, tenant, sink };
    upstream = await pass.send(() => agent.connection.start(request, neverAborted));
  } catch (error) {
    return await settleFailedStart(tenure, agent, parts, log, error, crossing);
  }
  parts.metrics.count('starts', { backend: agent.backend, result: 'accepted' });
  log.debug({ upstream }, 'the vendor took the run');
  const step = stepAfterStart(upstream, lives ? { agentId: agent.agentId, upstream } : undefined, opening);
  // It may have been cancelled or removed while the vendor was asked: then what was started must be stopped.
  if ((await tenure.record(step)) === 'overtaken') {
    parts.terminator.stopUpstream(tenure.run, upstream, agent);
  }
}

function stepAfterStart(upstream: UpstreamRef, living: LivingAgent | undefined, opening: Json | undefined): Step {
  if (living === undefined) return { kind: 'started', upstream };
  return opening === undefined ? { kind: 'started', upstream, living } : { kind: 'scheduled', living };
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
async function converse(
  tenure: Tenure,
  agent: Agent,
  upstream: UpstreamRef,
  input: Json,
  parts: AskingParts,
  log: Log,
  { crossing, pass }: StartPass,
): Promise<void> {
  const { connection, target } = agent;
  if (connection.converse === undefined) throw new TypeError('an adapter with living agents has no converse');
  const say = connection.converse.bind(connection);
  let answer: Observation;
  try {
    answer = await pass.send(() => say(target, upstream, input, neverAborted));
  } catch (error) {
    if (error instanceof UpstreamFault && (await hasEnded(error, agent, upstream, crossing))) {
      parts.ledger.note(log, agent, 'start', error);
      parts.metrics.count('starts', { backend: agent.backend, result: 'gone' });
      await tenure.record({ kind: 'end', ending: lostAgent(error.message), living: null });
      return;
    }
    return await settleFailedStart(tenure, agent, parts, log, error, crossing);
  }
  parts.metrics.count('starts', { backend: agent.backend, result: 'accepted' });
  await tenure.record({ kind: 'end', ending: await readAnswer(agent, answer) });
}

/** Whether a message was refused because the agent is over, by the vendor's word or by a look at it. */
async function hasEnded(
  { consequence, httpStatus }: UpstreamFault,
  { connection, target, mapping }: Agent,
  upstream: UpstreamRef,
  crossing: Crossing,
): Promise<boolean> {
  if (consequence !== 'rejected') return false;
  if (httpStatus === 404 || httpStatus === 410) return true;
  const pass = await crossing.enter('start');
  if (pass === null) return false;
  try {
    const { kind } = await mapping.read(await pass.send(() => connection.observe(target, upstream, neverAborted)));
    return kind === 'success' || kind === 'failed';
  } catch (error) {
    return error instanceof UpstreamFault && error.consequence === 'gone';
  } finally {
    pass.drop();
  }
}

/** What the mapping makes of the answer to a message. The message was taken, so there is nothing left to wait for. */
async function readAnswer(agent: Agent, answer: Observation): Promise<Ending> {
  try {
    const reading = await agent.mapping.read(answer);
    if (reading.kind === 'success') return { status: 'success', value: reading.output };
    if (reading.kind === 'failed') {
      const { status, errcode, description } = reading;
      return { status, errcode, description };
    }
    return failedMapping(new MappingFault('status', `an answer to a message must be final, not ${reading.kind}`));
  } catch (error) {
    return failedMapping(error);
  }
}

async function settleFailedStart(
  tenure: Tenure,
  agent: Agent,
  parts: AskingParts,
  log: Log,
  error: unknown,
  crossing: Crossing,
): Promise<void> {
  const fault = faultOf(error);
  parts.ledger.note(log, agent, 'start', fault);
  parts.metrics.count('starts', { backend: agent.backend, result: fault.consequence });
  if (fault.consequence === 'retry' || (fault.consequence === 'unknown' && agent.onUnknownStart === 'retry')) {
    const delayMs = nextRetryMs(tenure.run.attempts, fault.retryAfterMs, parts.clock.random());
    const postponed = await tenure.record({ kind: 'postpone' });
    crossing.leave();
    if (postponed === 'recorded') await tenure.sleepThrough(delayMs);
    return;
  }
  const ending = fault.consequence === 'unknown' ? unknownStart(fault.message) : rejectedStart(fault.message);
  await tenure.record({ kind: 'end', ending });
}

/** Sends an accepted payload to the interrupted upstream run, once. */
export async function deliverPayload(
  tenure: Tenure,
  agent: Agent,
  parts: AskingParts,
  log: Log,
  crossing: Crossing,
): Promise<void> {
  const { mapping, connection, target } = agent;
  const { resumption, upstream, runId } = tenure.run;
  if (resumption === null || upstream === null || connection.resume === undefined) {
    await tenure.record({ kind: 'undelivered', note: 'the agent cannot take a payload' });
    return;
  }
  const pass = await crossing.enter('start');
  if (pass === null) return;
  try {
    const payload = await mapping.resume({ ...resumption, run: { run_id: runId, upstream } });
    if ((await tenure.record({ kind: 'deliver' })) !== 'recorded') return;
    await pass.send(async () => connection.resume?.(target, upstream, payload, neverAborted));
    await tenure.record({ kind: 'delivered' });
  } catch (error) {
    if (error instanceof MappingFault) {
      await tenure.record({ kind: 'end', ending: failedMapping(error) });
      return;
    }
    const fault = faultOf(error);
    parts.ledger.note(log, agent, 'resume', fault);
    if (fault.consequence === 'retry') {
      const delayMs = nextRetryMs(tenure.run.attempts, fault.retryAfterMs, parts.clock.random());
      if ((await tenure.record({ kind: 'redeliver' })) === 'recorded') await tenure.sleepThrough(delayMs);
      return;
    }
    // Refused or unknown: only the vendor's next answer can tell, and a client may decide to send it again.
    await tenure.record({ kind: 'undelivered', note: `the payload was not taken: ${fault.message}` });
  } finally {
    pass.drop();
  }
}
