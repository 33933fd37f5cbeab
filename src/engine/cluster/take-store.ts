import { performance } from 'node:perf_hooks';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { RunPhase } from '../../contract/domain/run.ts';
import type { Fence, FenceFinding, LiveRunList, RestoreDecision } from '../../contract/store/fence.ts';
import type { Store } from '../../contract/store/store.ts';
import { delay } from '../sleeper.ts';

export type TakeStoreDeps = { readonly store: Store; readonly clock: Clock; readonly log: Log };

export type TakeStoreOptions = {
  /** After this long without a heartbeat a store may be an old copy that took its fence along. */
  readonly staleAfterMs: number;
  /** Other replicas are given this long to be heard. */
  readonly deadAfterMs: number;
  /** The command for the operator's decision, without its flag. */
  readonly restoreCommand: string;
};

/** Live runs that a message lists. */
export const maxListed = 10;
const lookEveryMs = 500;

/** Phases in which the next step of a run is a call that the original may have made since. */
const unsent: readonly RunPhase[] = ['queued', 'starting', 'resuming'];
const live: readonly RunPhase[] = [...unsent, 'running', 'interrupted', 'delivering'];

/** The store is an old copy, and the operator has not decided what becomes of its live runs. */
class OldCopyError extends Error {
  constructor(finding: CopyFinding, runs: LiveRunList, restoreCommand: string) {
    super(
      [
        ...describeFinding(finding),
        ...describeRuns(runs),
        'Starting it would send to vendors what the original has sent since. Decide with one of:',
        ...describeDecisions(restoreCommand),
      ].join('\n'),
    );
  }
}

type CopyFinding = Extract<FenceFinding, { readonly kind: 'copy' }>;

/**
 * Makes the store this process's, or one of this process's replicas, before any run is claimed. Runs that must wait for
 * the operator's decision are held. Rejects with `OldCopyError` and `StorageFault`.
 */
export async function takeStore(deps: TakeStoreDeps, options: TakeStoreOptions): Promise<void> {
  const { fence } = deps.store;
  if (fence === null) return;
  const found = await examineStore(deps, fence, options);
  const hold = await chooseHeld(fence, found, options);
  await fence.take(found.finding, hold);
  const { finding } = found;
  if (finding.kind === 'new' && finding.note !== null) deps.log.warn({}, finding.note);
  if (finding.kind === 'moved') deps.log.info({}, 'store was moved after a clean stop');
  if (finding.kind === 'promoted') deps.log.info({}, 'database server was promoted; taken for a failover');
}

/** What `rungate restore` decides about: a copy, or a store that may be one. */
export type Found = { readonly finding: FenceFinding; readonly isStale: boolean };

/** Compares the store with its fence, and gives the replicas of a shared one time to be heard. */
async function examineStore(
  { store, clock, log }: TakeStoreDeps,
  fence: Fence,
  { staleAfterMs, deadAfterMs }: Pick<TakeStoreOptions, 'staleAfterMs' | 'deadAfterMs'>,
): Promise<Found> {
  const untilMs = performance.now() + (store.shared ? deadAfterMs : 0);
  for (let isFirst = true; ; isFirst = false) {
    const found = judgeFinding(await fence.examine(), staleAfterMs);
    const mayBeHeard = found.isStale || found.finding.kind === 'promoted';
    if (!mayBeHeard || performance.now() >= untilMs) return found;
    if (isFirst) log.info({}, 'store unheard for long; waiting for heartbeats of other replicas');
    await delay(clock, lookEveryMs);
  }
}

/** Without a wait for the heartbeats of other replicas. */
export function judgeFinding(finding: FenceFinding, staleAfterMs: number): Found {
  switch (finding.kind) {
    case 'new':
    case 'moved':
    case 'copy':
      return { finding, isStale: false };
    case 'intact':
    case 'promoted':
      return { finding, isStale: finding.unheardMs !== null && finding.unheardMs > staleAfterMs };
    default:
      return assertNever(finding);
  }
}

async function chooseHeld(fence: Fence, { finding, isStale }: Found, options: TakeStoreOptions) {
  if (finding.kind !== 'copy' && !isStale) return [];
  const decision = await fence.decision();
  if (decision !== null) return heldFor(decision);
  if (finding.kind === 'copy') {
    throw new OldCopyError(finding, await fence.live(maxListed, false), options.restoreCommand);
  }
  return unsent;
}

function heldFor(decision: RestoreDecision): readonly RunPhase[] {
  switch (decision) {
    case 'observe':
      return unsent;
    case 'resume':
      return [];
    case 'fail':
      return live;
    default:
      return assertNever(decision);
  }
}

/** Lines about a copy, or about a store that may be one. */
export function describeFinding(finding: FenceFinding): readonly string[] {
  if (finding.kind !== 'copy') return ['the store was not heard for long, so it may be an old copy'];
  const { reason, beatAtMs } = finding;
  const heartbeat = beatAtMs === null ? [] : [`Its last heartbeat was at ${new Date(beatAtMs).toISOString()}.`];
  return [`the store is an old copy: ${reason}`, ...heartbeat];
}

/** Lines about live runs: the counts, and the oldest ones. */
export function describeRuns({ counts, oldest }: LiveRunList): readonly string[] {
  const found = live.flatMap((phase) => (counts[phase] === undefined ? [] : [`${counts[phase]} ${phase}`]));
  if (found.length === 0) return ['It has no live runs.'];
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const more = total - oldest.length;
  return [
    `Its live runs: ${found.join(', ')}`,
    ...oldest.map(({ runId, phase, agentName }) => `  ${runId}  ${phase.padEnd(11)}  ${agentName}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

/** The three commands, one a line. */
function describeDecisions(command: string): readonly string[] {
  return [
    `  ${command} --observe   polls what the vendors have; what may have been sent since ends as error 1002`,
    `  ${command} --resume    the original is gone for good: every live run goes on`,
    `  ${command} --fail      every live run ends as error 1002`,
  ];
}
