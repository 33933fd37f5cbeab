import type { Agent } from '../../contract/domain/agent.ts';
import type { Permit } from '../limits/call-permit.ts';
import { sessionHome } from '../sessions/sessions.ts';
import { lostSession } from '../state/outcomes.ts';
import { avoidBackend, type BackendChoice, chooseBackend } from './backend-choice.ts';
import type { RunContext } from './run-context.ts';

/** The run is to start at another backend of its agent, and its loop is of this one. */
export type MovedRun = { readonly kind: 'moved'; readonly agent: Agent };

/** How often a run that waits at a backend looks whether another has become better. */
const lookMs = 1000;
const moving = 'the run starts at another backend';

/** The backends among which the run may still choose; false where it has one only. */
export function mayChoose({ agent, handle, memory }: RunContext): boolean {
  const { phase, backend } = handle.run;
  return agent.places !== undefined && !(phase === 'queued' ? backend !== undefined : memory.isPinned);
}

/** The backend that is best for the run now: the one that its context is of, unless another is better. */
function chooseAgain({ deps, agent, handle, memory }: RunContext): BackendChoice {
  return chooseBackend(deps, agent, { run: handle.run, memory, isPlaced: true });
}

/**
 * Waits for the right to start at the best backend. Null: the run is over, or has slept until it is worth choosing again.
 */
export async function waitAtBackend(context: RunContext): Promise<Permit | MovedRun | null> {
  const { agent, handle, memory, runPermit } = context;
  if (agent.places === undefined) return await runPermit.waitToStart();
  memory.isPinned = !mayChoose(context);
  const home = await findHome(context);
  if (home === null) {
    const outcome = lostSession('its backend is none of the agent any more');
    await handle.record({ kind: 'end', outcome, session: null });
    return null;
  }
  if (home !== undefined) return home.backend === agent.backend ? await runPermit.waitToStart() : move(context, home);
  if (memory.isPinned) return await runPermit.waitToStart();
  const choice = chooseAgain(context);
  if (choice.agent.backend !== agent.backend) return move(context, choice.agent);
  if (choice.waitMs > 0) {
    await handle.sleepThrough(Math.min(choice.waitMs, lookMs));
    return null;
  }
  return await waitWhileBest(context);
}

/** Where the session of the run's thread lives; undefined: there is none, null: that backend has left the config. */
async function findHome({ agent, handle, deps }: RunContext): Promise<Agent | null | undefined> {
  const { threadId, tenant } = handle.run;
  if (!agent.capabilities.session || threadId === null) return undefined;
  return sessionHome(await deps.store.threads.findThread({ tenant, threadId }), agent);
}

async function waitWhileBest(context: RunContext): Promise<Permit | MovedRun | null> {
  const { agent, handle, runPermit, deps } = context;
  let better: Agent | null = null;
  let cancel = (): void => {};
  const look = (): void => {
    cancel = deps.clock.schedule(lookMs, () => {
      const { agent: best } = chooseAgain(context);
      if (best.backend === agent.backend) return look();
      better = best;
      runPermit.abort(moving);
    });
  };
  look();
  let permit: Permit | null;
  try {
    permit = await runPermit.waitToStart();
  } finally {
    cancel();
  }
  if (better === null || handle.isOver) return permit;
  permit?.release();
  return move(context, better);
}

function move({ agent: from, deps, log }: RunContext, agent: Agent): MovedRun {
  deps.metrics.count('backend_moves', { agent: from.name, from: from.backend, to: agent.backend });
  log.info({ from: from.backend, to: agent.backend }, 'run moves to another backend');
  return { kind: 'moved', agent };
}

/**
 * Keeps that the backend refused the start, so that the run may go on elsewhere. True: another one takes it at once, or
 * as soon as it takes calls again.
 */
export function turnAway(context: RunContext, delayMs: number): boolean {
  const { agent, memory, deps } = context;
  avoidBackend(memory, agent, deps.clock.monotonicMs() + delayMs);
  const choice = chooseAgain(context);
  return choice.agent.backend !== agent.backend && choice.waitMs === 0;
}
