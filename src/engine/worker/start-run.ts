import type { Agent } from '../../contract/domain/agent.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { InputContext } from '../../contract/domain/mapping.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import type { Thread } from '../../contract/domain/thread.ts';
import type { Permit } from '../limits/call-queue.ts';
import { openingInputOf, sessionOf, transitionAfterStart } from '../sessions/sessions.ts';
import { failedMapping, foreignStart } from '../state/outcomes.ts';
import { noteAnswer, noteCall } from './call-notes.ts';
import { settleFailedStart } from './open-call.ts';
import type { RunContext } from './run-context.ts';
import { sendMessage } from './send-message.ts';
import { waitForTurn } from './thread-turn.ts';

/** Starts a queued run at the vendor, once: `starting` is durable before the first byte is sent. */
export async function startRun(context: RunContext): Promise<void> {
  if (!(await waitForTurn(context))) return;
  const permit = await context.runPermit.waitToStart();
  if (permit === null) return;
  try {
    await startWith(context, permit);
  } finally {
    permit.release();
  }
}

async function startWith(context: RunContext, permit: Permit): Promise<void> {
  const { handle, agent, deps } = context;
  const { threadId, tenant } = handle.run;
  const thread = threadId === null ? null : await deps.store.threads.findThread({ tenant, threadId });
  let input: Json;
  try {
    input = await agent.mapping.input(inputContext(handle.run, agent, thread), handle.guard);
  } catch (error) {
    await handle.record({ kind: 'end', outcome: failedMapping(error) });
    return;
  }
  if ((await handle.record({ kind: 'begin' })) !== 'recorded') return;
  const session = sessionOf(thread, agent);
  if (session === null) await requestStart(context, input, permit);
  else await sendMessage(context, { session, input, permit });
}

/** Asks the vendor, once `starting` is durable. */
export async function requestStart(context: RunContext, input: Json, permit: Permit): Promise<void> {
  const { handle, agent, connection, runPermit, deps, log } = context;
  runPermit.markStarted();
  const opening = openingInputOf(handle.run, agent);
  let upstream: UpstreamRef;
  try {
    const { config = {} } = handle.run.request;
    noteCall(context);
    upstream = await permit.send(() =>
      connection.start({
        target: agent.target,
        input: opening === undefined ? input : opening,
        config,
        sink: runPermit.sink ?? undefined,
      }),
    );
  } catch (error) {
    return await settleFailedStart(context, error);
  }
  noteAnswer(context, 'start');
  deps.metrics.count('starts', { backend: agent.backend, result: 'accepted' });
  log.debug({ upstream }, 'run started at the vendor');
  const recorded = await handle.record(transitionAfterStart(handle.run, agent, upstream, opening));
  if (recorded === 'taken') {
    // What has this id at the vendor belongs to the other run: it is neither polled nor stopped for this one.
    log.warn({ upstream }, 'the vendor answered a start with the id of another run');
    await handle.record({ kind: 'end', outcome: foreignStart(upstream.runId) });
  }
  // The run was cancelled or removed during the call: what the vendor started has to be stopped.
  if (recorded === 'overtaken') deps.stopper.stopRun(handle.run, upstream, agent);
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
