import type { Chance } from './chance.ts';
import type { SandboxProcess } from './sandbox-process.ts';

/** Ways in which a vendor that has started a run fails to say so. */
const spoilings = [
  { kind: 'cut-after' },
  { kind: 'malformed' },
  { kind: 'wrong-shape' },
  // The gateway gives the call up after `requestTimeoutSeconds`.
  { kind: 'hang', processed: true },
  { kind: 'status', status: 500, processed: true },
  { kind: 'status', status: 502, page: true, processed: true },
  { kind: 'status', status: 503, page: true, processed: true },
  { kind: 'status', status: 429, page: true, processed: true },
] as const;

const share = 0.6;

/** Spoils the answers to some of the next starts, which are carried out. How many. */
export async function spoilStarts(sandbox: SandboxProcess, chance: Chance): Promise<number> {
  if (!chance.happens(share)) return 0;
  const times = chance.between(1, 3);
  const vendor = chance.pick(['intuned', 'restack'] as const);
  await sandbox.orderFault({ vendor, operation: 'start', times, ...chance.pick(spoilings) });
  return times;
}
