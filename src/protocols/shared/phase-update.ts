import type { Change } from '../../contract/domain/event.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { runPhases } from '../../contract/domain/run.ts';

/** JSON Schema of the `update` of `custom` events. */
export const customStreamingUpdate: JsonObject = {
  type: 'object',
  required: ['phase'],
  properties: { phase: { type: 'string', enum: [...runPhases] }, note: { type: 'string' } },
};

/** The `update` of a `custom` event: the phase that a run has entered. */
export function encodePhase({ phase, note }: Extract<Change, { kind: 'phase' }>): JsonObject {
  return note === undefined ? { phase } : { phase, note };
}
