import { AsyncLocalStorage } from 'node:async_hooks';
import type { EvaluationGuard } from '../contract/domain/evaluation.ts';

const guards = new AsyncLocalStorage<EvaluationGuard>();

/**
 * Makes a call in the course of which every evaluation in a thread is guarded: adapters evaluate expressions
 * of their own, and know no runs.
 */
export function callGuarded<T>(guard: EvaluationGuard | undefined, call: () => T): T {
  return guard === undefined ? call() : guards.run(guard, call);
}

/** The guard of the call that is under way here; undefined outside of one. */
export function guardOfCall(): EvaluationGuard | undefined {
  return guards.getStore();
}
