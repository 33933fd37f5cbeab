import type { GaugeReading } from './metric-tables.ts';

/** What the gauges are read from when the page is rendered. */
export type GaugeSources = {
  readonly version: string;
  readonly configHash: string;
  readonly lastReload: { readonly atMs: number; readonly isTaken: boolean };
  readonly nowMs: number;
  readonly backends: readonly {
    readonly name: string;
    readonly state: string;
    readonly accounts: Readonly<Record<string, number>>;
  }[];
  readonly live: {
    readonly byPhase: readonly { readonly backend: string; readonly phase: string; readonly count: number }[];
    readonly parked: number;
    readonly oldestQueuedAtMs: ReadonlyMap<string, number>;
  };
  readonly openStreams: number;
  readonly webhooksWaiting: number;
  readonly budgetsLeft: ReadonlyMap<string, number>;
  readonly caps: readonly {
    readonly name: string;
    readonly limit: string;
    readonly used: number;
    readonly max: number;
  }[];
  readonly cluster: {
    readonly isStoreUp: boolean;
    readonly replicas: Readonly<Record<'alive' | 'silent', number>>;
  };
};

export function readGauges(sources: GaugeSources): readonly GaugeReading[] {
  const { version, configHash, lastReload, nowMs, backends, live, openStreams, cluster, caps } = sources;
  const { byPhase, parked, oldestQueuedAtMs } = live;
  return [
    { name: 'build_info', labels: { version, node: process.versions.node, config_hash: configHash }, value: 1 },
    { name: 'config_last_reload_success', labels: {}, value: lastReload.isTaken ? 1 : 0 },
    { name: 'config_last_reload_timestamp_seconds', labels: {}, value: lastReload.atMs / 1000 },
    { name: 'store_up', labels: {}, value: cluster.isStoreUp ? 1 : 0 },
    ...Object.entries(cluster.replicas).map(
      ([state, value]): GaugeReading => ({ name: 'replicas', labels: { state }, value }),
    ),
    ...caps.flatMap(({ name: cap, limit, used, max }): readonly GaugeReading[] => [
      { name: 'cap_used', labels: { cap, limit }, value: used },
      { name: 'cap_max', labels: { cap, limit }, value: max },
    ]),
    { name: 'streams_open', labels: {}, value: openStreams },
    { name: 'webhooks_waiting', labels: {}, value: sources.webhooksWaiting },
    ...[...sources.budgetsLeft].map(
      ([backend, value]): GaugeReading => ({ name: 'budget_tokens', labels: { backend }, value }),
    ),
    { name: 'runs_parked', labels: {}, value: parked },
    ...byPhase.map(
      ({ backend, phase, count }): GaugeReading => ({ name: 'runs_live', labels: { backend, phase }, value: count }),
    ),
    ...backends.flatMap(({ name: backend, state, accounts }): readonly GaugeReading[] => [
      { name: 'backend_up', labels: { backend, state }, value: state === 'ok' || state === 'degraded' ? 1 : 0 },
      {
        name: 'oldest_queued_seconds',
        labels: { backend },
        value: Math.max(0, nowMs - (oldestQueuedAtMs.get(backend) ?? nowMs)) / 1000,
      },
      ...Object.entries(accounts).map(
        ([each, value]): GaugeReading => ({ name: 'backend_accounts', labels: { backend, state: each }, value }),
      ),
    ]),
  ];
}
