import { stringify } from 'yaml';

export type ConfigOptions = {
  readonly storeUrl: string;
  readonly intunedUrl: string;
  readonly restackUrl: string;
  readonly deadAfterSeconds: number;
};

/** What the gateways of a torture serve: agents of both vendors, a quick pace, short leases. */
export function makeConfig({ storeUrl, intunedUrl, restackUrl, deadAfterSeconds }: ConfigOptions): string {
  const intuned = (name: string, api: string, backend = 'intuned') => ({
    name,
    backend,
    target: { project: 'torture', api },
    timeoutSeconds: 600,
  });
  const restack = (name: string, target: object, mapping = {}) => ({
    name,
    backend: 'restack',
    target,
    timeoutSeconds: 600,
    mapping,
  });
  const account = { adapter: 'intuned', baseUrl: intunedUrl, workspaceId: 'torture', apiKey: 'sandbox-key' };
  return stringify({
    server: { host: '127.0.0.1', port: 0, heartbeatSeconds: 1 },
    store: { url: storeUrl },
    pacing: { floorMs: 50, watchedCeilingMs: 300, ceilingMs: 1500 },
    replicas: { heartbeatSeconds: deadAfterSeconds / 4, deadAfterSeconds },
    backends: {
      intuned: account,
      // A vendor that says "later" slows all of an account, and how soon runs are taken over would be its figure.
      'intuned-limited': account,
      restack: { adapter: 'restack', baseUrl: restackUrl },
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
      restack('approval', { agent: 'approve' }, { interrupt: 'output.interrupt' }),
    ],
  });
}
