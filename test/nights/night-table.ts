// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config
/** What one bad night looks like, where it is seen first, and what ends it. `N` stands for a number, `ID` for an id. */
export type Night = {
  readonly title: string;
  /** Of `GET /admin/v1/overview`. */
  readonly kind: string;
  readonly needs: string;
  /** The message of the log line, and members that it has. */
  readonly log: string;
  readonly logFields: Readonly<Record<string, string>>;
  /** A Prometheus expression that is true while it lasts. */
  readonly alert: string;
  /** From the first sign until all of them say it, with the config of the test. */
  readonly withinSeconds: number;
  readonly heals: string;
};

export const nights = {
  keyRevoked: {
    title: 'The vendor revoked the key',
    kind: 'backend',
    needs: 'intuned has refused our credentials for N s, with N live run here: Invalid API key',
    log: 'backend state changed',
    logFields: { state: 'unauthorised' },
    alert: 'rungate_backend_up{backend="intuned",state="unauthorised"} == 0',
    withinSeconds: 5,
    heals:
      'Pause the backend, so that new runs wait; put the new key into the config and reload, or into its `${FILE:…}`, which is read by itself; resume it.',
  },
  vendorHangs: {
    title: 'The vendor takes calls and answers none',
    kind: 'backend',
    needs: 'intuned has not answered for N s, with N live runs here: the vendor did not answer in time',
    log: 'circuit opened; probing with backoff',
    logFields: { backend: 'intuned' },
    alert: 'rungate_backend_up{backend="intuned",state="down"} == 0',
    withinSeconds: 15,
    heals:
      'Nothing to do: one call at a time tries. `probe` of the backend tries at once. New runs wait for the answer.',
  },
  tenantLimited: {
    title: 'The vendor limits one tenant',
    kind: 'backend',
    needs: 'intuned for red has been paused, as it asked for, for N s, with N live runs here: slow down',
    log: 'backend rate-limited; pausing calls',
    logFields: { backend: 'intuned' },
    alert: 'rungate_backend_accounts{backend="intuned",state="paused"} > 0',
    withinSeconds: 5,
    heals:
      'Nothing to do for the others. `probe` of the backend tries before the pause is over; a stop of the tenant keeps its runs queued.',
  },
  storeAway: {
    title: 'The database is away',
    kind: 'store',
    needs:
      'the store has not answered for N s: no runs are taken or started, and what the vendors answer is kept until it does',
    log: 'store unavailable; stops and drains are read again later',
    logFields: {},
    alert: 'rungate_store_up == 0',
    withinSeconds: 5,
    heals: 'Bring it back. Clients got 503 with `Retry-After`, and send again.',
  },
  replicaFrozen: {
    title: 'A replica is frozen',
    kind: 'replica',
    needs: 'replica ID has not been heard for N s; its runs were claimed by others',
    log: 'claimed orphaned runs',
    logFields: {},
    alert: 'rungate_replicas{state="silent"} > 0',
    withinSeconds: 10,
    heals: 'End or wake it. Awake, it leaves the runs to those that have claimed them.',
  },
  statusUnknown: {
    title: 'The vendor has a new status',
    kind: 'mapping',
    needs:
      'N live run of price-scraper here with the status "suspended" of the vendor, which is not in the mapping: pending until their deadline',
    log: 'vendor status not in the mapping; the run stays pending',
    logFields: { vendor_status: 'suspended' },
    alert: 'increase(rungate_unmapped_status_total[5m]) > 0',
    withinSeconds: 5,
    heals: "Add a row to the mapping's `status`, and reload.",
  },
  outputFails: {
    title: 'The output expression fails',
    kind: 'mapping',
    needs:
      'N run of price-scraper of the last hour ended with 1005: the mapping failed on what the vendor answered; the newest: ',
    log: 'run ended',
    logFields: { errcode: '1005' },
    alert: 'increase(rungate_runs_ended_total{errcode="1005"}[5m]) > 0',
    withinSeconds: 5,
    heals:
      'Stop the agent; correct the expression, and reload; lift the stop. What ended can be run again with `runs:replay`, which starts it anew at the vendor.',
  },
  configRefused: {
    title: 'A changed config is refused',
    kind: 'config',
    needs: 'a changed config was refused N s ago, and the one before stays in force: ',
    log: 'config refused; the one before stays in force',
    logFields: {},
    alert: 'rungate_config_last_reload_success == 0',
    withinSeconds: 5,
    heals: 'Correct it and reload, or put the former one back. Nothing was interrupted.',
  },
} as const satisfies Readonly<Record<string, Night>>;

/** The rows of docs/operate/nights.md. */
export function describeNights(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').trim();
  const rows = Object.values<Night>(nights).map(({ title, needs, log, alert, withinSeconds, heals }) =>
    [title, needs, `\`${log}\``, `\`${alert}\``, `${withinSeconds} s`, heals].map(cell).join(' | '),
  );
  const head = 'night | the overview says | the log says | alert on | within | what heals it';
  return [head, head.replace(/[^|]+/g, ' --- '), ...rows].map((row) => `| ${row} |`).join('\n');
}
