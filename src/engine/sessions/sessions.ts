import type { SessionCalls } from '../../contract/adapter/adapter.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import type { Session, Thread } from '../../contract/domain/thread.ts';
import { agentAt } from '../placement.ts';
import type { RunTransition } from '../state/state-machine.ts';

// A session is one long-lived agent at the vendor that serves the runs of one thread. The first run of the thread
// schedules it, each later run is a message to it, and it ends with the thread.

/** Whether the run is one of a session: started as one, or sent to one. */
function isInSession(run: Run, agent: Agent): boolean {
  return agent.capabilities.session && run.threadId !== null;
}

/** Whether the run waits for an answer of its thread's session, whose first output is that answer. */
export function awaitsSession(run: Run, agent: Agent): boolean {
  return isInSession(run, agent) && run.upstream !== null;
}

/** Whether what the run started at the vendor is its thread's session, which has not answered the run yet. */
export function hasScheduledSession(run: Run, agent: Agent): boolean {
  return awaitsSession(run, agent) && !isMessage(run, agent, run.upstream);
}

/** Whether what the run has at the vendor is a message, which cannot be taken back. */
export function isMessage({ tenant }: Run, agent: Agent, upstream: UpstreamRef | null): boolean {
  return upstream !== null && agent.connectionFor(tenant).session?.isMessage?.(upstream) === true;
}

/** Whether a message whose answer was lost may be sent again. */
export function isRepeatable(calls: SessionCalls | undefined, target: unknown): boolean {
  const { repeatable = false } = calls ?? {};
  return typeof repeatable === 'function' ? repeatable(target) : repeatable;
}

/** The agent's session of the thread; null where the next run has to schedule one. */
function findSession(thread: Thread | null, agent: Agent): Session | null {
  const session = thread?.session ?? null;
  return agent.capabilities.session && session?.agentId === agent.agentId ? session : null;
}

/** The vendor's reference of the thread's session; null where the next run has to schedule one. */
export function sessionOf(thread: Thread | null, agent: Agent): UpstreamRef | null {
  return findSession(thread, agent)?.upstream ?? null;
}

/** The agent where the thread's session lives; null: the config no longer has that backend. Undefined: there is none. */
export function sessionHome(thread: Thread | null, agent: Agent): Agent | null | undefined {
  const session = findSession(thread, agent);
  return session === null ? undefined : agentAt(agent, session.backend);
}

/** The input that schedules a session whose every run is a message, the first one too; undefined: the run's own input. */
export function openingInputOf(run: Run, agent: Agent): Json | undefined {
  return isInSession(run, agent) ? agent.connectionFor(run.tenant).session?.openingInputOf?.(agent.target) : undefined;
}

/** What a start that the vendor accepted makes of the run. With an opening input the run has yet to be sent. */
export function transitionAfterStart(run: Run, agent: Agent, upstream: UpstreamRef): RunTransition {
  if (!isInSession(run, agent)) return { kind: 'started', upstream };
  const session = { agentId: agent.agentId, upstream, ...placeOf(agent) };
  return openingInputOf(run, agent) === undefined
    ? { kind: 'started', upstream, session }
    : { kind: 'scheduled', session };
}

/** What is kept of where an agent with several backends has started something. */
export function placeOf({ places, backend }: Agent): { readonly backend?: string } {
  return places === undefined ? {} : { backend };
}
