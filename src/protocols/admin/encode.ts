import type {
  AgentReport,
  BackendReport,
  BulkOutcome,
  ConfigCheck,
  ConfigReport,
  DebugLog,
  MappingTrial,
  Overview,
  QueueReport,
  ReplicaState,
  RunPage,
  RunReport,
  RunRow,
  RunTotals,
  ScheduleReport,
} from '../../contract/api/admin-reports.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import { type CapReport, capLimits } from '../../contract/domain/cap.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { MappedStatus } from '../../contract/domain/mapping.ts';
import type { CallNote, Stop } from '../../contract/domain/operator.ts';
import { requestWebhookId } from '../../contract/domain/run-webhook.ts';
import type { Delivery } from '../../contract/domain/webhook.ts';
import { instantOf } from '../shared/answers.ts';

function instantOrNull(atMs: number | null): string | null {
  return atMs === null ? null : instantOf(atMs);
}

function encodeRow(run: RunRow): JsonObject {
  return {
    run_id: run.runId,
    tenant: run.tenant,
    agent: run.agentName,
    agent_id: run.agentId,
    backend: run.backend ?? null,
    thread_id: run.threadId,
    phase: run.phase,
    status: run.status,
    waiting:
      run.waiting === undefined ? null : { cause: run.waiting.cause, retry_at: instantOrNull(run.waiting.retryAtMs) },
    waits_for: run.waitsFor,
    owner: run.owner,
    attempts: run.attempts,
    vendor_ids: run.upstream,
    errcode: run.error?.errcode ?? null,
    error: run.error?.description ?? null,
    metadata: run.metadata,
    created_at: instantOf(run.createdAtMs),
    started_at: instantOrNull(run.startedAtMs),
    updated_at: instantOf(run.updatedAtMs),
    deadline_at: instantOrNull(run.deadlineAtMs),
    age_ms: run.phase === 'done' ? Math.max(0, run.updatedAtMs - run.createdAtMs) : Math.max(0, run.ageMs),
  };
}

export function encodePage({ runs, examined, nextCursor }: RunPage): JsonObject {
  return { runs: runs.map(encodeRow), examined, next_cursor: nextCursor };
}

export function encodeTotals(totals: RunTotals): JsonObject {
  return {
    count: totals.count,
    complete: totals.isComplete,
    oldest_at: instantOrNull(totals.oldestMs),
    by_phase: { ...totals.byPhase },
    by_status: { ...totals.byStatus },
    by_backend: { ...totals.byBackend },
    by_agent: { ...totals.byAgent },
    by_tenant: { ...totals.byTenant },
  };
}

function encodeCall({ atMs, tookMs, httpStatus, fault }: CallNote): JsonObject {
  return { at: instantOf(atMs), took_ms: tookMs, http_status: httpStatus, ...(fault === undefined ? {} : { fault }) };
}

export function encodeReport(report: RunReport): JsonObject {
  const { row, notes, timeline, vendor, webhook, webhooks, deliveries, events, input, output } = report;
  return {
    ...encodeRow(row),
    version: report.version,
    request_id: report.requestId,
    trace_id: report.traceId,
    start_call: notes.start === undefined ? null : encodeCall(notes.start),
    looks:
      notes.looks === undefined
        ? null
        : { count: notes.looks.count, failed: notes.looks.failed, last: encodeCall(notes.looks.last) },
    waits: (notes.waits ?? []).map(({ cause, tookMs }) => ({ cause, took_ms: tookMs })),
    actions: (notes.actions ?? []).map(({ action, by, atMs, runId }) => ({
      ...{ action, by, at: instantOf(atMs) },
      ...(runId === undefined ? {} : { run_id: runId }),
    })),
    timeline: timeline.map(({ atMs, kind, text, tookMs, fault }) => ({
      ...{ at: instantOf(atMs), kind, text, took_ms: tookMs, fault },
    })),
    vendor,
    vendor_url: report.vendorUrl,
    cost: report.cost,
    webhook,
    webhooks: webhooks.map((each) => ({ ...each })),
    deliveries: deliveries.map(encodeDelivery),
    events: events.map(({ seq, atMs, status, kind }) => ({ seq, at: instantOf(atMs), status, kind })),
    ...(input === undefined ? {} : { input: withoutGaps(input) }),
    ...(output === undefined ? {} : { output: output as Json }),
  };
}

function withoutGaps(members: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as JsonObject;
}

/** URLs are shown without their query, where receivers keep secrets. */
export function encodeDelivery(delivery: Omit<Delivery, 'body'>): JsonObject {
  const { runId, webhook = requestWebhookId, seq, tenant, url, state, attempts, createdAtMs } = delivery;
  const { dueAtMs, endedAtMs, failure } = delivery;
  return {
    ...{ run_id: runId, webhook, seq, tenant, url: publicUrl(url), state, attempts },
    created_at: instantOf(createdAtMs),
    due_at: state === 'waiting' ? instantOf(Math.max(dueAtMs, createdAtMs)) : null,
    ended_at: instantOrNull(endedAtMs),
    failure,
  };
}

function publicUrl(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? '' : parsed.origin + parsed.pathname;
}

export function encodeStop({ kind, name, reason, by, atMs }: Stop): JsonObject {
  return { kind, name, reason, by, at: instantOf(atMs) };
}

export function encodeBackend(backend: BackendReport): JsonObject {
  const { lastFault, calls, budget, stop } = backend;
  return {
    name: backend.name,
    adapter: backend.adapter,
    state: backend.state,
    since: instantOf(backend.sinceMs),
    impaired: backend.impaired.map(({ tenants, state }) => ({ tenants: [...tenants], state })),
    last_fault:
      lastFault === null
        ? null
        : {
            ...{ at: instantOf(lastFault.atMs), operation: lastFault.operation, http_status: lastFault.httpStatus },
            ...{ fault: lastFault.fault, run_id: lastFault.runId },
          },
    calls: { count: calls.calls, failed: calls.failed, p50_ms: calls.p50Ms, p95_ms: calls.p95Ms },
    budget: {
      requests_per_second: budget.requestsPerSecond,
      requests_in_use: budget.requestsInUse,
      max_concurrent_runs: budget.maxConcurrentRuns,
      runs_held: budget.runsHeld,
    },
    queue: { ...backend.queue },
    probe_in_ms: backend.probeInMs,
    live_runs: backend.liveRuns,
    stop: stop === null ? null : encodeStop(stop),
    agents: [...backend.agents],
    elsewhere: backend.elsewhere.map(({ replica, state }) => ({ replica, state })),
  };
}

export function encodeQueue(queue: QueueReport): JsonObject {
  return {
    backend: queue.backend,
    waiting: queue.waiting,
    oldest_at: instantOrNull(queue.oldestMs),
    running: queue.running,
    starts_per_minute: queue.startsPerMinute,
    empty_in_ms: queue.emptyInMs,
    complete: queue.isComplete,
  };
}

export function encodeDebugLog({ replica, runId, untilMs, owner }: DebugLog): JsonObject {
  return { replica, run_id: runId, until: instantOrNull(untilMs), owner };
}

export function encodeReplica(state: ReplicaState): JsonObject {
  const { report } = state;
  return {
    replica: state.replica,
    self: state.isSelf,
    alive: state.isAlive,
    heartbeat_at: instantOf(state.beatAtMs),
    runs: state.runs,
    drain: state.shouldDrain,
    draining: report?.isDraining ?? false,
    version: report?.version ?? null,
    config_hash: report?.configHash ?? null,
    started_at: instantOrNull(report?.startedAtMs ?? null),
    parked_runs: report?.parkedRuns ?? null,
    backends: { ...report?.backends },
  };
}

export function encodeAgent(agent: AgentReport): JsonObject {
  return {
    agent_id: agent.agentId,
    name: agent.name,
    version: agent.version,
    description: agent.description,
    metadata: agent.metadata,
    backends: agent.backends.map(({ name, weight }) => ({ name, weight })),
    tenants: agent.tenants === null ? null : [...agent.tenants],
    capabilities: withoutGaps(agent.capabilities),
    schemas: { ...agent.schemas, interrupts: agent.schemas.interrupts.map((each) => ({ ...each })) },
    stop: agent.stop === null ? null : encodeStop(agent.stop),
  };
}

export function encodeSchedule(schedule: ScheduleReport): JsonObject {
  const { name, tenant, agent, cron, timeZone, overlap, missed, enabled, nextMs, waitingMs, last } = schedule;
  return {
    ...{ name, tenant, agent, cron, time_zone: timeZone, overlap, missed, enabled },
    next_at: instantOrNull(nextMs),
    waiting_at: instantOrNull(waitingMs),
    last:
      last === null
        ? null
        : { at: instantOf(last.atMs), outcome: last.outcome, run_id: last.runId, detail: last.detail },
  };
}

const limitNames = {
  runsPerHour: 'runs_per_hour',
  runsPerDay: 'runs_per_day',
  costPerHour: 'cost_per_hour',
  costPerDay: 'cost_per_day',
} as const;

export function encodeCap({ cap, use }: CapReport): JsonObject {
  const { name, agent, tenant, reserve } = cap;
  const { hour, day, reserved, reached } = use;
  return {
    ...{ name, agent, tenant, reserve, hour: { ...hour }, day: { ...day }, reserved },
    limits: Object.fromEntries(capLimits.map((limit) => [limitNames[limit], cap[limit]])),
    reached: reached === null ? null : { limit: limitNames[reached.limit], frees_in_ms: reached.freesInMs },
  };
}

export function encodeCheck({ problems, hash, changes }: ConfigCheck): JsonObject {
  return { problems: [...problems], hash, changes: changes.map((each) => ({ ...each })) };
}

export function encodeConfig({ file, hash, loadedAtMs, effective, history, check }: ConfigReport): JsonObject {
  return {
    ...{ file, hash, loaded_at: instantOf(loadedAtMs), effective },
    history: history.map(({ atMs, hashBefore, problems, ...record }) => ({
      ...{ ...record, at: instantOf(atMs), hash_before: hashBefore, problems: [...problems] },
    })),
    check: check === null ? null : encodeCheck(check),
  };
}

export function encodeOverview(overview: Overview): JsonObject {
  return {
    version: overview.version,
    replica: overview.replica,
    config_hash: overview.configHash,
    needs: overview.needs.map(({ kind, name, text, sinceMs }) => ({ kind, name, text, since: instantOrNull(sinceMs) })),
    live: encodeTotals(overview.live),
    ended: encodeTotals(overview.ended),
    stops: overview.stops.map(encodeStop),
  };
}

/** In the words of the API; `kind` says too what a status alone does not: that the vendor's is not known. */
export function encodeTrial({ problems, mapped, tookMs }: MappingTrial): JsonObject {
  return { problems: [...problems], mapped: mapped === null ? null : encodeMapped(mapped), took_ms: tookMs };
}

function encodeMapped(mapped: MappedStatus): JsonObject {
  switch (mapped.kind) {
    case 'pending':
      return { status: 'pending', ...(mapped.partial === undefined ? {} : { partial: mapped.partial }) };
    case 'interrupted':
      return { status: 'interrupted', interrupt: mapped.payload };
    case 'success':
      return { status: 'success', output: mapped.output };
    case 'failed':
      return { status: mapped.status, errcode: mapped.errcode, error: mapped.description };
    case 'unmapped': {
      const { vendorStatus, nearest = null } = mapped;
      return { status: 'unmapped', vendor_status: vendorStatus, nearest };
    }
    default:
      return assertNever(mapped);
  }
}

export function encodeBulk({ isDryRun, matched, isComplete, done, refused }: BulkOutcome): JsonObject {
  return {
    dry_run: isDryRun,
    matched,
    complete: isComplete,
    done: done.map(({ runId, newRunId }) => ({
      run_id: runId,
      ...(newRunId === undefined ? {} : { new_run_id: newRunId }),
    })),
    refused: refused.map(({ runId, reason }) => ({ run_id: runId, reason })),
  };
}
