import type { Agent } from '../../contract/domain/agent.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Run, RunPhase } from '../../contract/domain/run.ts';
import type { FastStart } from './fast-start.ts';
import type { LiveRun } from './live-runs.ts';
import type { ParkedRunOptions } from './parked-run.ts';
import { beginMemory, type RunMemory } from './run-memory.ts';

/** How a run came to be driven by this process. */
export type RunOrigin =
  | { readonly kind: 'new' }
  /** Written as starting: the vendor is asked at once. */
  | { readonly kind: 'fast-start'; readonly fastStart: FastStart }
  /**
   * Driven before, by a process that may have died; polled within so long. `isUnsent`: written as starting by this process,
   * which did not send the start.
   */
  | { readonly kind: 'recovered'; readonly pollWithinMs: number; readonly isUnsent: boolean }
  /** Driven before by this process, which has parked it. */
  | { readonly kind: 'parked'; readonly memory: RunMemory };

/** What the loop of a run begins with. */
export function memoryFor(run: Run, origin: RunOrigin, clock: Clock): RunMemory {
  switch (origin.kind) {
    case 'new':
      return beginMemory(run, clock, null);
    case 'recovered':
      return beginMemory(run, clock, origin.pollWithinMs);
    case 'fast-start':
      return origin.fastStart.memory;
    case 'parked':
      return origin.memory;
    default:
      return assertNever(origin);
  }
}

/** Whether the vendor may have the run, so that an answer may show its end. */
export function mayHaveResult(phase: RunPhase): boolean {
  return phase === 'starting' || phase === 'running' || phase === 'interrupted' || phase === 'delivering';
}

export type RunLoopOptions = {
  readonly run: Run;
  readonly agent: Agent;
  readonly origin: RunOrigin;
};

/** How a loop is left. */
export type RunLoopExits = {
  /** Called once, when the loop has nothing left to do. */
  readonly onOver: (loop: LiveRun) => void;
  /** Called instead where the run sleeps for so long that its loop is not kept. */
  readonly onPark: (parked: ParkedRunOptions, delayMs: number) => void;
  /** Called instead where the run is to start at another backend, that of the agent. */
  readonly onMove: (moved: ParkedRunOptions) => void;
};
