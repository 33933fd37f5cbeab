import { z } from 'zod';
import { roles, stopKinds } from '../../contract/domain/operator.ts';
import { runPhases } from '../../contract/domain/run.ts';
import { webhookEvents } from '../../contract/domain/run-webhook.ts';
import { fireOutcomes, missedPolicies, overlapPolicies } from '../../contract/domain/schedule.ts';
import { waitingCauses } from '../../contract/domain/waiting.ts';
import { deliveryStates } from '../../contract/domain/webhook.ts';
import { anyObject, instant, runStatus } from '../shared/answer-schemas.ts';
import { json } from '../shared/requests.ts';

const count = z.int().min(0);
const ms = z.number().min(0);
const counts = z.record(z.string(), count);
const phase = z.enum(runPhases);
const ids = z.record(z.string(), z.string()).describe("The vendor's ids of the run");

const ErrorResponse = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      detail: z.string().optional(),
      path: z.string().optional(),
      retryable: z.boolean(),
    }),
  })
  .meta({ id: 'ErrorResponse' });

const Stop = z
  .object({ kind: z.enum(stopKinds), name: z.string(), reason: z.string(), by: z.string(), at: instant })
  .meta({ id: 'Stop' });

const Call = z.object({ at: instant, took_ms: ms, http_status: z.int().nullable(), fault: z.string().optional() });

const runShape = {
  run_id: z.string(),
  tenant: z.string(),
  agent: z.string(),
  agent_id: z.string(),
  backend: z.string().nullable(),
  thread_id: z.string().nullable(),
  phase,
  status: runStatus,
  waiting: z.object({ cause: z.enum(waitingCauses), retry_at: instant.nullable() }).nullable(),
  waits_for: z.string().nullable().describe('What holds it up, in words'),
  owner: z.string().nullable().describe('The replica that drives it'),
  attempts: count,
  vendor_ids: ids.nullable(),
  errcode: z.int().nullable(),
  error: z.string().nullable(),
  metadata: anyObject,
  created_at: instant,
  started_at: instant.nullable(),
  updated_at: instant,
  deadline_at: instant.nullable(),
  age_ms: ms,
};
const Run = z.object(runShape).meta({ id: 'Run' });

const RunList = z
  .object({
    runs: z.array(Run),
    examined: count,
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'RunList' });

const Totals = z
  .object({
    count,
    complete: z.boolean().describe('False: older runs were not looked at'),
    oldest_at: instant.nullable(),
    by_phase: counts,
    by_status: counts,
    by_backend: counts,
    by_agent: counts,
    by_tenant: counts,
  })
  .meta({ id: 'Totals' });

const TimelineEntry = z
  .object({
    at: instant,
    kind: z.string(),
    text: z.string(),
    took_ms: ms.nullable(),
    fault: z.enum(['vendor', 'client', 'gateway', 'operator']).nullable(),
  })
  .meta({ id: 'TimelineEntry' });

const Delivery = z
  .object({
    run_id: z.string(),
    webhook: z.string().describe("The id of the run's webhook; `default` is the one that its request names"),
    seq: count,
    tenant: z.string(),
    url: z.string().describe('Without its query, where receivers keep secrets'),
    state: z.enum(deliveryStates),
    attempts: count,
    created_at: instant,
    due_at: instant.nullable(),
    ended_at: instant.nullable(),
    failure: z.string().nullable(),
  })
  .meta({ id: 'Delivery' });

const RunReport = z
  .object({
    ...runShape,
    version: count,
    request_id: z.string().nullable(),
    trace_id: z.string().nullable(),
    start_call: Call.nullable(),
    looks: z.object({ count, failed: count, last: Call }).nullable(),
    waits: z.array(z.object({ cause: z.string(), took_ms: ms })),
    actions: z.array(z.object({ action: z.string(), by: z.string(), at: instant, run_id: z.string().optional() })),
    timeline: z.array(TimelineEntry),
    vendor: json.describe("What is kept of the vendor's terminal answer"),
    vendor_url: z.string().nullable().describe("The vendor's own page of the run; null: none is known"),
    cost: z.number().nullable().describe('What the run cost, by its mapping; null: not known'),
    webhook: z.string().nullable().describe('The URL of the request, without its query'),
    webhooks: z.array(
      z.object({
        id: z.string(),
        url: z.string().describe('Without its query'),
        protocol: z.string().nullable().describe('Whose words its bodies have'),
        events: z.enum(webhookEvents),
      }),
    ),
    deliveries: z.array(Delivery),
    events: z.array(z.object({ seq: count, at: instant, status: runStatus, kind: z.string() })),
    input: anyObject.optional(),
    output: json.optional(),
  })
  .meta({ id: 'RunReport' });

const BulkOutcome = z
  .object({
    dry_run: z.boolean(),
    matched: count,
    complete: z.boolean().describe('False: there are more; send the request again'),
    done: z.array(z.object({ run_id: z.string(), new_run_id: z.string().optional() })),
    refused: z.array(z.object({ run_id: z.string(), reason: z.string() })),
  })
  .meta({ id: 'BulkOutcome' });

const Backend = z
  .object({
    name: z.string(),
    adapter: z.string(),
    state: z.string(),
    since: instant,
    impaired: z
      .array(z.object({ tenants: z.array(z.string()), state: z.string() }))
      .describe('Tenants with credentials of their own whose state is not `ok`'),
    last_fault: z
      .object({
        at: instant,
        operation: z.string(),
        http_status: z.int().nullable(),
        fault: z.string(),
        run_id: z.string().nullable(),
      })
      .nullable(),
    calls: z.object({ count, failed: count, p50_ms: ms.nullable(), p95_ms: ms.nullable() }),
    budget: z.object({
      requests_per_second: z.number().nullable(),
      requests_in_use: count,
      max_concurrent_runs: count.nullable(),
      runs_held: count,
    }),
    queue: z.object({ calls: count, starts: count }),
    probe_in_ms: ms.nullable(),
    live_runs: count,
    stop: Stop.nullable(),
    agents: z.array(z.string()),
    elsewhere: z.array(z.object({ replica: z.string(), state: z.string() })),
  })
  .meta({ id: 'Backend' });

const Queue = z
  .object({
    backend: z.string().nullable(),
    waiting: count,
    oldest_at: instant.nullable(),
    running: count,
    starts_per_minute: z.number(),
    empty_in_ms: ms.nullable(),
    complete: z.boolean(),
  })
  .meta({ id: 'Queue' });

const Replica = z
  .object({
    replica: z.string(),
    self: z.boolean(),
    alive: z.boolean(),
    heartbeat_at: instant,
    runs: count,
    drain: z.boolean().describe('What operators want of it'),
    draining: z.boolean().describe('What it does'),
    version: z.string().nullable(),
    config_hash: z.string().nullable(),
    started_at: instant.nullable(),
    parked_runs: count.nullable(),
    backends: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Replica' });

const DebugLog = z
  .object({
    replica: z.string().describe('Whose log it is'),
    run_id: z.string().nullable(),
    until: instant.nullable(),
    owner: z.string().nullable().describe('The replica that drives the run'),
  })
  .meta({ id: 'DebugLog' });

const Agent = z
  .object({
    agent_id: z.string(),
    name: z.string(),
    version: z.string(),
    description: z.string(),
    metadata: anyObject,
    backends: z.array(z.object({ name: z.string(), weight: z.number() })),
    tenants: z.array(z.string()).nullable(),
    capabilities: anyObject,
    schemas: anyObject,
    stop: Stop.nullable(),
  })
  .meta({ id: 'Agent' });

const Schedule = z
  .object({
    name: z.string(),
    tenant: z.string(),
    agent: z.string(),
    cron: z.string(),
    time_zone: z.string(),
    overlap: z.enum(overlapPolicies),
    missed: z.enum(missedPolicies),
    enabled: z.boolean(),
    next_at: instant.nullable(),
    waiting_at: instant.nullable().describe('The time whose run waits for the end of another'),
    last: z
      .object({
        at: instant,
        outcome: z.enum(fireOutcomes),
        run_id: z.string().nullable(),
        detail: z.string().nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'Schedule' });

const used = z.object({ runs: count, cost: z.number() });
const amount = z.number().nullable();
const Cap = z
  .object({
    name: z.string(),
    agent: z.string().nullable(),
    tenant: z.string().nullable(),
    limits: z.object({ runs_per_hour: amount, runs_per_day: amount, cost_per_hour: amount, cost_per_day: amount }),
    reserve: z.number().describe('What a run counts as until its cost is known'),
    hour: used,
    day: used,
    reserved: z.number(),
    reached: z
      .object({
        limit: z.enum(['runs_per_hour', 'runs_per_day', 'cost_per_hour', 'cost_per_day']),
        frees_in_ms: ms.nullable().describe('Null: once runs under way have ended'),
      })
      .nullable(),
  })
  .meta({ id: 'Cap' });

const ConfigCheck = z
  .object({
    problems: z.array(z.string()),
    hash: z.string().nullable(),
    changes: z.array(z.object({ path: z.string(), before: json, after: json })),
  })
  .meta({ id: 'ConfigCheck' });

const ReloadRecord = z
  .object({
    at: instant.describe('Of the newest, where it stands for several in a row'),
    times: count,
    cause: z.string().describe('Who or what asked: an operator, a signal, a vendor that refuses the credentials'),
    outcome: z.enum(['started', 'applied', 'unchanged', 'refused']),
    hash_before: z.string().nullable(),
    hash: z.string().describe('Of the config in force afterwards; secrets do not change it'),
    problems: z.array(z.string()).describe('Why it was refused'),
  })
  .meta({ id: 'ReloadRecord' });

const Config = z
  .object({
    ...{ file: z.string(), hash: z.string(), loaded_at: instant, effective: json, check: ConfigCheck.nullable() },
    history: z.array(ReloadRecord).describe('Reloads of the replica that answers, newest first; 50 are kept'),
  })
  .meta({ id: 'Config' });

const Need = z
  .object({ kind: z.string(), name: z.string().nullable(), text: z.string(), since: instant.nullable() })
  .meta({ id: 'Need' });

const Overview = z
  .object({
    version: z.string(),
    replica: z.string(),
    config_hash: z.string(),
    needs: z.array(Need),
    live: Totals,
    ended: Totals,
    stops: z.array(Stop),
  })
  .meta({ id: 'Overview' });

/** The answers of the admin API, by the names that its document gives them. */
export const answers = {
  ...{ ErrorResponse, Whoami: z.object({ name: z.string(), tenant: z.string(), role: z.enum(roles) }) },
  ...{ Overview, Need, Run, RunList, RunReport, TimelineEntry, Totals, BulkOutcome },
  ...{ Backend, Queue, Replica, Agent, Schedule, Cap, Delivery, Stop, DebugLog, Config, ConfigCheck, ReloadRecord },
  BackendList: z.object({ backends: z.array(Backend) }),
  QueueList: z.object({ queues: z.array(Queue) }),
  ReplicaList: z.object({ replicas: z.array(Replica) }),
  AgentList: z.object({ agents: z.array(Agent) }),
  CapList: z.object({ caps: z.array(Cap) }),
  ScheduleList: z.object({ schedules: z.array(Schedule) }),
  DeliveryList: z.object({ deliveries: z.array(Delivery) }),
  StopList: z.object({ stops: z.array(Stop) }),
  MappingTrial: z.object({ problems: z.array(z.string()), mapped: anyObject.nullable(), took_ms: ms }),
  StartedRun: z.object({ run_id: z.string() }),
  Redriven: z.object({ redriven: count }),
  Reload: z.object({ applied: z.boolean(), hash: z.string(), problems: z.array(z.string()) }),
  Change: z.object({
    kind: z.enum(['reset', 'run', 'backend', 'stop', 'lift', 'replica', 'config']),
    at: instant,
    run_id: z.string().optional(),
    tenant: z.string().optional(),
    agent: z.string().optional(),
    phase: phase.optional(),
    status: runStatus.optional(),
    removed: z.boolean().optional(),
    backend: z.union([z.string(), z.object({ name: z.string(), state: z.string() })]).optional(),
    stop: anyObject.optional(),
  }),
} as const;
