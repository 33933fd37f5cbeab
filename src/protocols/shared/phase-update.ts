import type { Change } from '../../contract/domain/event.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { runPhases } from '../../contract/domain/run.ts';
import { waitingCauses } from '../../contract/domain/waiting.ts';

/** JSON Schema of the `update` of `custom` events. */
export const customStreamingUpdate: JsonObject = {
  type: 'object',
  required: ['phase'],
  properties: {
    phase: { type: 'string', enum: [...runPhases] },
    note: { type: 'string' },
    waiting: { type: 'string', enum: [...waitingCauses] },
  },
};

/** What a stream sends as an `update`: all but values, interrupts and errors. */
type Update = Extract<Change, { kind: 'phase' | 'replaced' }>;

export function isUpdate(change: Change): change is Update {
  return change.kind === 'phase' || change.kind === 'replaced';
}

/**
 * The `update` of a `custom` event: the phase that a run has entered, or in which it waits, or in which it showed a partial output that a later one
 * has replaced. Its event has the number of that output, so that the numbers of a stream have no gap.
 */
export function encodePhase(change: Update): JsonObject {
  if (change.kind === 'replaced') return { phase: 'running', note: 'a later partial output has replaced this one' };
  const { phase, note, waiting } = change;
  if (note === undefined) return { phase };
  return waiting === undefined ? { phase, note } : { phase, note, waiting };
}
