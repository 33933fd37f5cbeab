import { hash } from 'node:crypto';
import type { Agent, AgentPlace } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Backends } from '../limits/backends.ts';
import type { Stops } from '../limits/stops.ts';
import type { BackendHealth } from './backend-health.ts';

/** What is remembered of a run whose agent has several backends. */
export type PlaceMemory = {
  /** Backends that refused the run's start without beginning anything, and until when, by the monotonic clock. */
  avoided: readonly { readonly backend: string; readonly untilMs: number }[];
  /** An earlier start is of unknown outcome, so that the run may only start where that one was sent. */
  isPinned: boolean;
};

/** `waitMs`: the backend refused the run just now, and is not asked before that is over. */
export type BackendChoice = { readonly agent: Agent; readonly waitMs: number };

export type BackendChoiceDeps = {
  readonly clock: Clock;
  readonly backends: Pick<Backends, 'of'>;
  readonly health: Pick<BackendHealth, 'isRefusing'>;
  readonly stops: Pick<Stops, 'of'>;
};

type ChoosingRun = {
  readonly run: Pick<Run, 'runId' | 'tenant'>;
  /** Null for a run that is new. */
  readonly memory: PlaceMemory | null;
  /** Whether the run stays at `agent` where no other backend is better. */
  readonly isPlaced: boolean;
};

/** From the best to the worst: a run moves for a better rank only. */
const ranks = { free: 0, full: 1, refused: 2, paused: 3, down: 4, unauthorised: 5, stopped: 6, foreign: 7 } as const;
type Rank = (typeof ranks)[keyof typeof ranks];

type Candidate = AgentPlace & { readonly rank: Rank; readonly waitMs: number };

/**
 * Chooses the backend at which a run starts: of those in the best state the one that the run's id and the weights name, so
 * that every replica chooses alike.
 */
export function chooseBackend(
  deps: BackendChoiceDeps,
  agent: Agent,
  { run, memory, isPlaced }: ChoosingRun,
): BackendChoice {
  const { places } = agent;
  if (places === undefined) return { agent, waitMs: 0 };
  const candidates = places.map((place): Candidate => {
    const waitMs = avoidedForMs(memory, place.agent.backend, deps.clock.monotonicMs());
    return { ...place, rank: rankOf(deps, place.agent, run, waitMs), waitMs };
  });
  const best = Math.min(...candidates.map(({ rank }) => rank));
  // Where all have turned the run down, the one that may be asked again first.
  const waitMs = best === ranks.refused ? Math.min(...candidates.map(waitOf)) : 0;
  const equals = candidates.filter((each) => each.rank === best && (waitMs === 0 || each.waitMs === waitMs));
  const current = isPlaced ? equals.find((each) => each.agent.backend === agent.backend) : undefined;
  return { agent: (current ?? firstOf(equals, run.runId)).agent, waitMs };
}

function waitOf({ rank, waitMs }: Candidate): number {
  return rank === ranks.refused ? waitMs : Number.POSITIVE_INFINITY;
}

/** Keeps that a backend has refused the run's start, for `delayMs`. */
export function avoidBackend(memory: PlaceMemory, { backend }: Agent, untilMs: number): void {
  memory.avoided = [...memory.avoided.filter((each) => each.backend !== backend), { backend, untilMs }];
}

function avoidedForMs(memory: PlaceMemory | null, backend: string, nowMs: number): number {
  const untilMs = memory?.avoided.find((each) => each.backend === backend)?.untilMs ?? nowMs;
  return Math.max(0, untilMs - nowMs);
}

function rankOf(deps: BackendChoiceDeps, agent: Agent, { runId, tenant }: ChoosingRun['run'], waitMs: number): Rank {
  if (agent.tenants !== undefined && !agent.tenants.includes(tenant)) return ranks.foreign;
  if (deps.stops.of({ agent, tenant }) !== null) return ranks.stopped;
  if (deps.health.isRefusing(agent, tenant)) return ranks.unauthorised;
  const { callQueue, concurrency } = deps.backends.of(agent.backend, tenant);
  // One that is due for a probe takes a start, or it would never be found well again.
  if (!callQueue.takesStarts) {
    return callQueue.accountHindrance()?.cause === 'circuit-open' ? ranks.down : ranks.paused;
  }
  if (waitMs > 0) return ranks.refused;
  return concurrency.isFullFor(runId) ? ranks.full : ranks.free;
}

/** The one that the run's id and the weights name. */
function firstOf(candidates: readonly Candidate[], runId: string): Candidate {
  return candidates.reduce((first, next) => (orderOf(runId, next) < orderOf(runId, first) ? next : first));
}

/**
 * Weighted rendezvous hashing: each member is first for its share of all run ids, and the runs of one that is skipped are
 * divided among the others by their weights.
 */
function orderOf(runId: string, { agent, weight }: AgentPlace): number {
  if (weight === 0) return Number.POSITIVE_INFINITY;
  const bits = Number.parseInt(hash('sha256', `${runId} ${agent.backend}`).slice(0, 12), 16);
  return -Math.log((bits + 1) / (2 ** 48 + 1)) / weight;
}
