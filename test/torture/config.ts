import { stringify } from 'yaml';
import { cancelledBackend, deadlineSeconds } from './sleepers.ts';

export type ConfigOptions = {
  readonly storeUrl: string;
  readonly notifyUrl?: string | undefined;
  readonly intunedUrl: string;
  readonly restackUrl: string;
  readonly taggedUrl: string;
  readonly deadAfterSeconds: number;
  /** Where the vendors reach the gateways; null: they do not call. */
  readonly publicUrl: string | null;
  /** Whether there are runs that are meant to sleep. */
  readonly hasSleepers: boolean;
};

/** A start that never arrived at a vendor that only calls is known to be lost when its run's time is over. */
export const unsettledSeconds = 90;
/** How long a gateway that finds such a run after that time waits for the vendor's call all the same. */
export const overdueSeconds = 600;
const requestTimeoutSeconds = 3;
/** Long enough for a run that sleeps in proportion to its age to be parked for many seconds. */
const sleepingCeilingMs = 20_000;

/** Agents whose vendor can be asked what became of a start, also where it does not call. */
export const askedAgents: readonly string[] = [
  ...['desk', 'order', 'broken', 'approval', 'tagged', 'held', 'torn'],
  ...['asleep-watched', 'asleep-polled', 'asleep-cancelled', 'asleep-expiring'],
];

/** What the gateways of a torture serve: agents of both vendors, a quick pace, short leases. */
export function makeConfig(options: ConfigOptions): string {
  const { storeUrl, intunedUrl, restackUrl, taggedUrl, deadAfterSeconds, publicUrl, hasSleepers } = options;
  const intuned = (name: string, api: string, backend = 'intuned') => ({
    name,
    backend,
    target: { project: 'torture', api },
    timeoutSeconds: publicUrl === null ? 600 : unsettledSeconds,
  });
  const restack = (name: string, target: object, mapping = {}) => ({
    name,
    backend: 'restack',
    target,
    timeoutSeconds: 600,
    mapping,
  });
  const tagged = (name: string, target: object) => ({
    name,
    backend: 'tagged',
    target,
    timeoutSeconds: 600,
    mapping: {
      status: { running: 'pending', completed: 'success', failed: 'error' },
      output: 'output',
      error: "{'description': error}",
      errcodes: { default: 3000 },
    },
  });
  const account = {
    ...{
      adapter: 'intuned',
      baseUrl: intunedUrl,
      workspaceId: 'torture',
      apiKey: 'sandbox-key',
      requestTimeoutSeconds,
    },
    ...(publicUrl === null ? {} : { push: { publicUrl } }),
  };
  const asked = {
    ...{ adapter: 'restack', baseUrl: restackUrl, requestTimeoutSeconds },
    idempotencyHeader: 'Idempotency-Key',
  };
  return stringify({
    server: { host: '127.0.0.1', port: 0, heartbeatSeconds: 1, metrics: true },
    store: { url: storeUrl, ...(options.notifyUrl !== undefined && { notifyUrl: options.notifyUrl }) },
    pacing: { floorMs: 50, watchedCeilingMs: 300, ceilingMs: hasSleepers ? sleepingCeilingMs : 1500 },
    replicas: { heartbeatSeconds: deadAfterSeconds / 4, deadAfterSeconds },
    backends: {
      intuned: account,
      // A vendor that says "later" slows all of an account, and how soon runs are taken over would be its figure.
      'intuned-limited': account,
      restack: asked,
      [cancelledBackend]: asked,
      // Fewer held calls than there are runs, so that some are polled.
      tagged: { adapter: 'tagged', baseUrl: taggedUrl, requestTimeoutSeconds, maxHeldCalls: 4 },
    },
    agents: [
      intuned('echo', 'echo'),
      intuned('slow', 'slow'),
      intuned('fail', 'fail'),
      intuned('progress', 'progress'),
      intuned('flaky', 'flaky'),
      intuned('limited', 'rate-limited', 'intuned-limited'),
      restack('desk', { agent: 'echo' }),
      restack('order', { workflow: 'slow' }),
      restack('broken', { workflow: 'fail' }),
      tagged('tagged', { agent: 'echo' }),
      tagged('held', { agent: 'echo', isHeld: true }),
      tagged('torn', { agent: 'fail', isHeld: true }),
      restack('approval', { agent: 'approve' }, { interrupt: 'output.interrupt' }),
      intuned('asleep-pushed', 'echo'),
      restack('asleep-watched', { agent: 'echo' }),
      restack('asleep-polled', { agent: 'echo' }),
      { ...restack('asleep-cancelled', { agent: 'echo' }), backend: cancelledBackend },
      { ...restack('asleep-expiring', { agent: 'echo' }), timeoutSeconds: deadlineSeconds },
    ],
  });
}
