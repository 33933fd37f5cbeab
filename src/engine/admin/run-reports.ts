import type { Reveal, RunReport } from '../../contract/api/admin-reports.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import { translateStorageFault } from '../storage-errors.ts';
import { webhooksOf } from '../webhooks/run-webhooks.ts';
import { headOf, type RunFinder } from './run-finder.ts';
import { describeTimeline } from './timeline.ts';

/** The newest events of a run that are read for its report; the first one is read in any case. */
const maxEvents = 200;
const maxDeliveries = 50;

export type ReportDeps = {
  readonly store: Store;
  readonly finder: RunFinder;
  readonly consoleUrlOf: (backend: string) => string | null;
};

/** One run with all that is known of it; payloads only as far as they are revealed. Rejects with `GatewayError`. */
export async function reportRun(
  { store, finder, consoleUrlOf }: ReportDeps,
  runId: string,
  reveal: readonly Reveal[],
): Promise<RunReport> {
  const run = await translateStorageFault(store.findOfAnyTenant(runId));
  if (run === null) throw new GatewayError('run_not_found');
  const [events, found] = await translateStorageFault(
    Promise.all([readEvents(store, run), store.outbox.list({ runId, limit: maxDeliveries })]),
  );
  const deliveries = found.map(({ body: _, ...delivery }) => delivery);
  const { input, messages, config, trace, webhook = null } = run.request;
  const row = finder.rowOf(headOf(run));
  const page = row.backend === undefined ? null : consoleUrlOf(row.backend);
  return {
    row,
    version: run.version,
    notes: run.notes ?? {},
    requestId: trace?.requestId ?? null,
    traceId: trace?.context?.traceparent.split('-')[1] ?? null,
    timeline: describeTimeline(run, events, deliveries),
    vendor: run.vendor ?? null,
    vendorUrl: page === null || row.upstream === null ? null : vendorPageOf(page, row.upstream),
    cost: run.cost ?? null,
    deliveries,
    webhook: webhook === null ? null : withoutQuery(webhook),
    webhooks: webhooksOf(run).map(({ id, url, protocol, events: wanted }) => ({
      ...{ id, url: withoutQuery(url), protocol, events: wanted },
    })),
    events: events.map(({ seq, atMs, status, change }) => ({ seq, atMs, status, kind: change.kind })),
    ...(reveal.includes('input') ? { input: { input, messages, config } } : {}),
    ...(reveal.includes('output') ? { output: run.outcome } : {}),
  };
}

async function readEvents(store: Store, { runId, lastSeq }: Run): Promise<readonly RunEvent[]> {
  const from = Math.max(0, lastSeq - maxEvents);
  const newest = await store.events(runId, from, maxEvents);
  return from === 0 ? newest : [...(await store.events(runId, 0, 1)), ...newest];
}

/** Receivers keep secrets in queries. */
function withoutQuery(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? '' : parsed.origin + parsed.pathname;
}

/** A part of a template that stands for one of the ids that the vendor gave the run. */
const placeholder = /\{(\w+)\}/g;

/**
 * The vendor's own page of a run: a template such as `https://console.example/runs/{runId}` with the ids in the place of
 * their names. Null where the run does not have one of them yet, or where one would lead to another page.
 */
export function vendorPageOf(template: string, ids: Readonly<Record<string, string>>): string | null {
  const names = [...template.matchAll(placeholder)].map(([, name = '']) => name);
  // A URL takes these for steps up, encoded or not.
  const isSafe = (id: string | undefined): boolean => id !== undefined && id !== '' && id !== '.' && id !== '..';
  if (!names.every((name) => Object.hasOwn(ids, name) && isSafe(ids[name]))) return null;
  return template.replaceAll(placeholder, (_, name: string) => encodeURIComponent((ids[name] ?? '').toWellFormed()));
}
