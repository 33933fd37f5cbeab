import type { Agent } from '../contract/agent.ts';
import type { Clock } from '../contract/clock.ts';
import type { Json } from '../contract/json.ts';
import type { Log, Metrics } from '../contract/log.ts';
import { MappingFault } from '../contract/mapping.ts';
import type { UpstreamRef } from '../contract/run.ts';
import { nextRetryMs } from './pacing.ts';
import type { Tenure } from './tenure.ts';
import type { Terminator } from './terminator.ts';
import { type FaultLedger, failedMapping, faultOf, rejectedStart, unknownStart } from './vendor-faults.ts';

export type AskingParts = {
  readonly clock: Clock;
  readonly terminator: Terminator;
  readonly ledger: FaultLedger;
  readonly metrics: Metrics;
};

/** Starts and deliveries are never cut short: cutting one leaves an outcome that nobody knows. */
const neverAborted = new AbortController().signal;

/** Asks the vendor to start a queued run, once: `starting` is durable before the first byte is sent. */
export async function startRun(tenure: Tenure, agent: Agent, parts: AskingParts, log: Log): Promise<void> {
  const { request } = tenure.run;
  let input: Json;
  try {
    input = await agent.mapping.input({
      input: request.input ?? {},
      messages: request.messages ?? [],
      config: request.config ?? {},
      metadata: request.metadata ?? {},
      state: null,
      history: [],
      agent: { name: agent.name, version: agent.version },
    });
  } catch (error) {
    await tenure.record({ kind: 'end', ending: failedMapping(error) });
    return;
  }
  if ((await tenure.record({ kind: 'begin' })) !== 'recorded') return;
  let upstream: UpstreamRef;
  try {
    const start = { target: agent.target, input, config: request.config ?? {} };
    upstream = await agent.connection.start(start, neverAborted);
  } catch (error) {
    return await settleFailedStart(tenure, agent, parts, log, error);
  }
  parts.metrics.count('starts', { backend: agent.backend, result: 'accepted' });
  log.debug({ upstream }, 'the vendor took the run');
  // It may have been cancelled or removed while the vendor was asked: then what was started must be stopped.
  if ((await tenure.record({ kind: 'started', upstream })) === 'overtaken') {
    parts.terminator.cancelUpstream(tenure.run, upstream, agent);
  }
}

async function settleFailedStart(
  tenure: Tenure,
  agent: Agent,
  parts: AskingParts,
  log: Log,
  error: unknown,
): Promise<void> {
  const fault = faultOf(error);
  parts.ledger.note(log, agent, 'start', fault);
  parts.metrics.count('starts', { backend: agent.backend, result: fault.consequence });
  if (fault.consequence === 'retry' || (fault.consequence === 'unknown' && agent.onUnknownStart === 'retry')) {
    const delayMs = nextRetryMs(tenure.run.attempts, fault.retryAfterMs, parts.clock.random());
    if ((await tenure.record({ kind: 'postpone' })) === 'recorded') await tenure.sleepThrough(delayMs);
    return;
  }
  const ending = fault.consequence === 'unknown' ? unknownStart(fault.message) : rejectedStart(fault.message);
  await tenure.record({ kind: 'end', ending });
}

/** Sends an accepted payload to the interrupted upstream run, once. */
export async function deliverPayload(tenure: Tenure, agent: Agent, parts: AskingParts, log: Log): Promise<void> {
  const { mapping, connection, target } = agent;
  const { resumption, upstream, runId } = tenure.run;
  if (resumption === null || upstream === null || connection.resume === undefined) {
    await tenure.record({ kind: 'undelivered', note: 'the agent cannot take a payload' });
    return;
  }
  try {
    const payload = await mapping.resume({ ...resumption, run: { run_id: runId, upstream } });
    if ((await tenure.record({ kind: 'deliver' })) !== 'recorded') return;
    await connection.resume(target, upstream, payload, neverAborted);
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
  }
}
