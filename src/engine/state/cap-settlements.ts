import type { CapSettlement } from '../../contract/domain/cap.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { Run } from '../../contract/domain/run.ts';

/**
 * What a change of a run does to its caps: at its end the reserves are free. The run counts with its cost; where that is not known, with
 * what was reserved, unless no vendor has done anything for it.
 */
export function settlementsOf(before: Run, after: Run): readonly CapSettlement[] | undefined {
  if (after.phase !== 'done' || before.phase === 'done' || before.caps === undefined) return undefined;
  return before.caps.map(({ name, reserve }) => ({
    name,
    released: reserve,
    cost: after.cost ?? (mayHaveCost(before, after) ? reserve : 0),
  }));
}

function mayHaveCost(before: Run, { outcome }: Run): boolean {
  if (before.phase === 'queued' && before.upstream === null) return false;
  return outcome?.kind !== 'error' || outcome.errcode !== errcodes.startRejected;
}
