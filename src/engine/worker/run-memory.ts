import type { Clock } from '../../contract/domain/clock.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { PermitMemory } from '../limits/run-permit.ts';
import { type AgeMemory, beginAge } from '../pacing/run-age.ts';
import type { HandleMemory } from '../state/run-handle.ts';
import { beginNotes } from '../state/run-notes.ts';
import type { PlaceMemory } from './backend-choice.ts';
import type { EchoMemory } from './echo.ts';
import type { PatienceMemory } from './look-patience.ts';
import type { SpacingMemory } from './partial-spacing.ts';
import type { WaitingMemory } from './run-wait.ts';

/** What is remembered of a run's polls. */
export type PollMemory = {
  /** By the monotonic clock; null where how long ago the run was polled last is unknown. */
  lastPollMs: number | null;
  /** When such a run is polled first. */
  readonly firstPollMs: number;
  random: number;
  /** Polls in a row that failed. */
  faults: number;
  retryAfterMs: number | null;
  /** The vendor asked for this wait with its last answer. */
  notBeforeMs: number | null;
  isPushed: boolean;
  /** Polls that a push caused and that did not show the end. */
  pushedPolls: number;
  /** The vendor has pushed this run at least once. */
  wasPushed: boolean;
};

/** What is remembered of a run's held calls. */
export type AttendanceMemory = {
  /** The last held call showed how the run is. */
  isAttended: boolean;
  /** Held calls in a row that failed, or were not held. */
  holdFaults: number;
  /** By the monotonic clock. */
  nextHoldMs: number;
};

/**
 * What a process knows of a live run that the store does not. It outlives the run's loop while the run is parked, so it is
 * one plain object.
 */
export type RunMemory = HandleMemory &
  PermitMemory &
  AgeMemory &
  PollMemory &
  AttendanceMemory &
  PatienceMemory &
  SpacingMemory &
  EchoMemory &
  PlaceMemory &
  WaitingMemory;

/** `pollWithinMs`: the run is recovered, and how long ago it was polled last is unknown. Null: it begins in this process. */
export function beginMemory(run: Run, clock: Clock, pollWithinMs: number | null): RunMemory {
  const isRecovered = pollWithinMs !== null;
  const nowMs = clock.monotonicMs();
  const random = clock.random();
  // The wall clock is read once, and only for a run that another process may have created.
  const createdMonotonicMs = isRecovered ? nowMs - Math.max(0, clock.nowMs() - run.createdAtMs) : nowMs;
  const { sinceMs, aliveAtMs, isFirstStretch } = beginAge(run, createdMonotonicMs, isRecovered);
  const notes = beginNotes(run);
  // One literal without spreads, so that all have one hidden class and no second object for their members.
  return {
    createdMonotonicMs,
    mayEndProcess: isRecovered,
    sentAtMs: notes.sentAtMs,
    sentMonotonicMs: notes.sentMonotonicMs,
    start: notes.start,
    looks: notes.looks,
    isHeld: false,
    longestWait: null,
    sinceMs,
    aliveAtMs,
    isFirstStretch,
    lastPollMs: isRecovered ? null : nowMs,
    firstPollMs: nowMs + Math.floor((pollWithinMs ?? 0) * random),
    random,
    faults: 0,
    retryAfterMs: null,
    notBeforeMs: null,
    isPushed: false,
    pushedPolls: 0,
    wasPushed: false,
    isAttended: false,
    holdFaults: 0,
    nextHoldMs: nowMs,
    goneSinceMs: null,
    refusedSinceMs: null,
    partialSeq: null,
    partialMonotonicMs: 0,
    answer: null,
    change: null,
    isHeldBack: false,
    avoided: [],
    isPinned: false,
    waits: null,
    owesWait: false,
  };
}
