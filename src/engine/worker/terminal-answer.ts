import type { Json } from '../../contract/domain/json.ts';
import { MappingFault } from '../../contract/domain/mapping.ts';
import type { RunOutcome } from '../state/state-machine.ts';
import type { RunContext } from './run-context.ts';

type Closing = Pick<RunOutcome, 'vendor' | 'cost'>;

/**
 * What is kept of the vendor's terminal answer, and what the run cost by it. Why the cost cannot be read is no reason to lose the
 * run's result. A promise only where the mapping has an expression for the cost.
 */
export function readTerminalAnswer({ agent, handle, log }: RunContext, raw: Json): Closing | Promise<Closing> {
  const vendor = agent.mapping.describeEnd(raw);
  const reading = agent.mapping.cost(raw, handle.guard);
  if (reading === undefined) return { vendor };
  return reading.then(
    (cost) => (cost === undefined ? { vendor } : { vendor, cost }),
    (error: unknown) => {
      if (!(error instanceof MappingFault)) throw error;
      log.warn({ err: error }, 'the cost of a run is not known');
      return { vendor };
    },
  );
}
