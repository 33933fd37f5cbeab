type Row = { readonly help: string; readonly labels: readonly string[] };

/** Every counter of the gateway. A count under another name, or with other labels, goes to `unknown_counts`. */
export const counters = {
  runs_created: { help: 'Runs that were accepted.', labels: [] },
  runs_capped: { help: 'Runs that were refused because a cap left no room for them.', labels: ['cap'] },
  runs_ended: {
    help: 'Runs that reached their end, by status; `errcode` is empty where they succeeded.',
    labels: ['backend', 'agent', 'status', 'errcode'],
  },
  starts: { help: 'Attempts to start a run at a backend, by result.', labels: ['backend', 'result'] },
  polls: { help: 'Observations of upstream runs, by result.', labels: ['backend', 'result'] },
  held_calls: { help: 'Calls that vendors held in place of polls, by result.', labels: ['backend', 'result'] },
  upstream_faults: { help: 'Failed calls to a backend, by kind of fault.', labels: ['backend', 'kind'] },
  backend_moves: {
    help: 'Runs that were to start at one backend of their agent and go on to another.',
    labels: ['agent', 'from', 'to'],
  },
  unmapped_status: { help: 'Observations whose status the mapping does not know.', labels: ['agent'] },
  schedule_fires: {
    help: 'Times of schedules that were decided, by what became of them; each is counted by one replica.',
    labels: ['schedule', 'outcome'],
  },
  streams_opened: { help: 'Event streams that were opened.', labels: [] },
  webhook_attempts: { help: 'Attempts to deliver a webhook, by what came of them.', labels: ['result'] },
  conditional_writes_lost: { help: 'Writes that were refused because the run had changed.', labels: [] },
  unknown_counts: { help: 'Counts under a name or labels outside this table.', labels: ['name'] },
} as const satisfies Readonly<Record<string, Row>>;

/** Every gauge of the gateway; its value is read when the page is rendered. */
export const gauges = {
  build_info: { help: 'Always 1; the labels say what runs.', labels: ['version', 'node', 'config_hash'] },
  config_last_reload_success: { help: 'Whether the config that was read last was taken: 1, or 0.', labels: [] },
  config_last_reload_timestamp_seconds: {
    help: 'When the config was read last, in seconds since the epoch.',
    labels: [],
  },
  store_up: { help: 'Whether the store answered the last heartbeat of this process: 1, or 0.', labels: [] },
  replicas: {
    help: 'Processes on the database, by whether they were heard within `replicas.deadAfterSeconds`: alive or silent. One that has stopped is neither.',
    labels: ['state'],
  },
  backend_accounts: {
    help: 'Accounts at a backend that are in use or not well, by state: up, paused or down.',
    labels: ['backend', 'state'],
  },
  backend_up: {
    help: 'Whether a backend takes calls, as this process sees it; `state` is that of `/health/ready`.',
    labels: ['backend', 'state'],
  },
  runs_live: {
    help: 'Runs that this process drives and that are not done, by phase; those that it has parked are among them.',
    labels: ['backend', 'phase'],
  },
  runs_parked: { help: 'Live runs that sleep until their next poll and of which only their id is kept.', labels: [] },
  oldest_queued_seconds: {
    help: 'How long the oldest run that this process drives has been waiting for its start.',
    labels: ['backend'],
  },
  cap_used: {
    help: 'What runs have used of a limit of a cap, with what those under way count as until their cost is known; some seconds old.',
    labels: ['cap', 'limit'],
  },
  cap_max: { help: 'A limit of a cap, as the config has it.', labels: ['cap', 'limit'] },
  budget_tokens: {
    help: 'Requests that this process may still send to a backend within the window of its `requestsPerSecond`; absent where it has none.',
    labels: ['backend'],
  },
  webhooks_waiting: {
    help: 'Deliveries of webhooks that are not made yet, of all processes on the database, up to 100,000; some seconds old.',
    labels: [],
  },
  streams_open: { help: 'Event streams and WebSockets that are open.', labels: [] },
} as const satisfies Readonly<Record<string, Row>>;

const fast = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const slow = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400];

/** Every histogram of the gateway, in seconds, with the upper bounds of its buckets. */
export const histograms = {
  http_request_duration_seconds: {
    help: 'Requests of clients until their answer begins, by operation and status code.',
    labels: ['operation', 'code'],
    buckets: fast,
  },
  vendor_call_duration_seconds: {
    help: 'HTTP calls to a vendor, by what they are for and how they ended; waits for the budget do not count.',
    labels: ['backend', 'operation', 'outcome'],
    buckets: fast,
  },
  run_duration_seconds: {
    help: 'Runs from their creation to their end.',
    labels: ['backend', 'agent', 'status'],
    buckets: slow,
  },
  run_queue_seconds: {
    help: 'Runs from their creation until their start is sent to the vendor.',
    labels: ['backend'],
    buckets: [...fast, 60, 300, 900, 3600],
  },
  finish_lag_seconds: {
    help: 'Between the last answer that showed a run alive and the one that showed its end, which was noticed at most this late; by what brought it: poll, push or held.',
    labels: ['backend', 'mode'],
    buckets: fast,
  },
  commit_duration_seconds: {
    help: 'Commits of the store, each of which may hold several writes.',
    labels: [],
    buckets: fast,
  },
} as const satisfies Readonly<Record<string, Row & { readonly buckets: readonly number[] }>>;

export type CounterName = keyof typeof counters;
export type GaugeName = keyof typeof gauges;
export type HistogramName = keyof typeof histograms;

export type GaugeReading = {
  readonly name: GaugeName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};
