import { z } from 'zod';
import { omitMembers, parseSliced } from '../compute/sliced-json.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import type { RunNotes } from '../contract/domain/operator.ts';
import {
  type Run,
  type RunRequest,
  type RunSummary,
  runPhases,
  runStatuses,
  type TakenAnswer,
} from '../contract/domain/run.ts';
import { type RunWebhook, webhookEvents } from '../contract/domain/run-webhook.ts';
import { waitingCauses } from '../contract/domain/waiting.ts';
import { StorageFault } from '../contract/store/store.ts';
import { readJson } from '../json/exact-number.ts';
import { isJsonObject } from '../json/json-object.ts';
import { type LargeTexts, parseLarge, textOf } from './large-json.ts';

// What JSON.parse returned is JSON by construction: only presence and outer kind need a check.
const json = z.custom<Json>((value) => value !== undefined);
const jsonObject = z.custom<JsonObject>(isJsonObject);
// A later version may know more of them.
const waitingCause = z.enum(waitingCauses);
const integer = z.number().int();

const upstreamRef = z.object({ runId: z.string() }).catchall(z.string());

const callNote = z.object({
  atMs: z.number(),
  tookMs: z.number(),
  httpStatus: z.number().nullable(),
  fault: z.string().optional(),
});
const runNotes = z.object({
  waits: z.array(z.object({ cause: z.string(), tookMs: z.number() })).optional(),
  start: callNote.optional(),
  looks: z.object({ count: integer, failed: integer, last: callNote }).optional(),
  actions: z
    .array(
      z.object({
        action: z.enum(['cancel', 'replay', 'resume']),
        by: z.string(),
        atMs: z.number(),
        runId: z.string().optional(),
      }),
    )
    .optional(),
} satisfies Record<keyof RunNotes, z.ZodType>);

const runWebhook = z.object({
  id: z.string(),
  url: z.string(),
  protocol: z.string().nullable(),
  // A later version may know more of them.
  events: z.enum(webhookEvents).catch('end'),
  headers: z.record(z.string(), z.string()).optional(),
  token: z.object({ header: z.string(), value: z.string() }).optional(),
  authentication: z.object({ scheme: z.string(), credentials: z.string() }).optional(),
} satisfies Record<keyof RunWebhook, z.ZodType>);

const takenAnswer = z.object({
  questionSeq: integer,
  mark: z.string().optional(),
  fingerprint: z.string(),
  isUndelivered: z.literal(true).optional(),
} satisfies Record<keyof TakenAnswer, z.ZodType>);

const stateSchema = z.object({
  upstream: upstreamRef.nullable(),
  backend: z.string().optional(),
  startSentAtMs: z.number().optional(),
  named: upstreamRef.optional(),
  outcome: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('result'), value: json }),
      z.object({ kind: z.literal('interrupt'), payload: json }),
      z.object({ kind: z.literal('error'), errcode: z.number(), description: z.string() }),
    ])
    .nullable(),
  resumption: z.object({ payload: json, interrupt: json }).nullable(),
  partialAnswers: jsonObject.optional(),
  asked: z.object({ payload: z.string(), sighting: z.string() }).optional(),
  answeredInterrupt: z.string().nullable(),
  answeredAtMs: z.number().optional(),
  answers: z.array(takenAnswer).optional(),
  partial: z.object({ seq: integer, fingerprint: z.string(), chars: integer, atMs: z.number() }).optional(),
  attempts: integer,
  evaluations: integer.optional(),
  waiting: z.object({ cause: waitingCause, retryAtMs: z.number().nullable() }).optional().catch(undefined),
  webhooks: z.array(runWebhook).optional(),
  caps: z.array(z.object({ name: z.string(), reserve: z.number() })).optional(),
  cost: z.number().optional(),
  notes: runNotes.optional().catch(undefined),
  lastSeq: integer,
  startedAtMs: z.number().nullable(),
  deadlineAtMs: z.number(),
});

// Spelled out by key, so that a field added to the contract cannot be forgotten here.
const requestShape = z.object({
  threadName: z.string().optional(),
  input: json.optional(),
  messages: z.array(json).optional(),
  config: jsonObject.optional(),
  metadata: jsonObject.optional(),
  webhook: z.string().optional(),
  webhookTerms: z
    .object({ only: z.enum(['end', 'success']).optional(), headers: z.record(z.string(), z.string()).optional() })
    .optional(),
  native: z.object({ target: jsonObject }).optional(),
  afterMs: z.number().optional(),
  onCompletion: z.enum(['delete', 'keep']).optional(),
  origin: z.object({ protocol: z.string().nullable(), extra: jsonObject }).optional(),
  trace: z
    .object({
      requestId: z.string().optional(),
      context: z.object({ traceparent: z.string(), tracestate: z.string().optional() }).optional(),
    })
    .optional(),
} satisfies Record<keyof RunRequest, z.ZodType>);

const requestSchema = z.preprocess(upgradeRequest, requestShape);

/** Version 0.1 wrote the members of `origin` at the top level, as `dialect`, `echo` and `streamModes`. */
function upgradeRequest(stored: unknown): unknown {
  if (!isJsonObject(stored) || !['dialect', 'protocol', 'echo', 'streamModes'].some((name) => name in stored)) {
    return stored;
  }
  const { dialect = null, protocol = dialect, echo = {}, streamModes: modes, ...request } = stored;
  const mode = Array.isArray(modes) && modes.length === 1 ? modes[0] : modes;
  const extra = { ...(mode === undefined ? {} : { stream_mode: mode }), ...(isJsonObject(echo) ? echo : {}) };
  return { ...request, origin: { protocol, extra } };
}

export const runRowSchema = z.object({
  run_id: z.string(),
  tenant: z.string(),
  agent_id: z.string(),
  agent_name: z.string(),
  thread_id: z.string().nullable(),
  phase: z.enum(runPhases),
  status: z.enum(runStatuses),
  owner: z.string().nullable(),
  version: integer,
  created_at_ms: z.number(),
  updated_at_ms: z.number(),
  vendor: z.string().nullish(),
  state: z.string(),
  request: z.string(),
});
type RunRow = z.infer<typeof runRowSchema>;

const summaryRowSchema = runRowSchema
  .omit({ owner: true, version: true, state: true })
  .extend({ errcode: z.number().nullish() });

/** Columns of `runs` and `requests` that {@link decodeRun} reads, for a select list. */
export const runColumns = [
  ...['run_id', 'tenant', 'agent_id', 'agent_name', 'thread_id', 'phase', 'status', 'owner', 'version'],
  ...['created_at_ms', 'updated_at_ms', 'vendor', 'state'],
]
  .map((column) => `runs.${column}`)
  .concat('requests.request')
  .join(', ');

/**
 * What a list shows of `runs`; the request comes with it.
 *
 * @param errcode reads the errcode from the state of a run that failed, which is small.
 */
export function summaryColumns(errcode: string): string {
  const columns = Object.keys(summaryRowSchema.shape).filter((column) => column !== 'request' && column !== 'errcode');
  const ofFailed = `CASE WHEN runs.status IN ('error', 'timeout') THEN ${errcode} END AS errcode`;
  return [...columns.map((column) => `runs.${column}`), ofFailed].join(', ');
}

/** The part of a run that changes and is never searched. */
export function encodeState(run: Run, texts: LargeTexts | null = null): string {
  const { upstream, backend, startSentAtMs, named, outcome, resumption, asked, answeredInterrupt, answeredAtMs } = run;
  const { answers, partialAnswers, partial, attempts, evaluations, waiting, webhooks, caps, cost, notes, lastSeq } =
    run;
  const { startedAtMs, deadlineAtMs } = run;
  // One literal: each object that is spread into another one is made first, and most of these members are absent.
  const rest = JSON.stringify({
    upstream,
    backend,
    startSentAtMs,
    named,
    resumption,
    asked,
    answeredInterrupt,
    answeredAtMs,
    answers,
    partialAnswers,
    partial,
    attempts,
    evaluations,
    waiting,
    webhooks,
    caps,
    cost,
    notes,
    lastSeq,
    startedAtMs,
    deadlineAtMs,
  });
  return `{"outcome":${textOf(outcome, texts)},${rest.slice(1)}`;
}

/** What is stored of a run's state. */
export type StoredState = z.infer<typeof stateSchema>;

/** Throws what zod and JSON.parse throw; a promise where the state is large. */
export function decodeState(text: string): StoredState | Promise<StoredState> {
  const state = parseLarge(text);
  return state instanceof Promise ? state.then((value) => stateSchema.parse(value)) : stateSchema.parse(state);
}

/** The column for what is kept of the vendor's terminal answer, which lists show too. */
export function vendorOf({ vendor }: Run): string | null {
  return vendor === undefined ? null : JSON.stringify(vendor);
}

/** Throws what zod and JSON.parse throw. */
function decodeVendor(text: string | null | undefined): Pick<Run, 'vendor'> {
  return typeof text !== 'string' ? {} : { vendor: jsonObject.parse(readJson(text)) };
}

/** When the run comes due: at its creation, or after the delay that its client asked for. */
export function dueAtOf({ createdAtMs, request }: Run): number {
  return Math.round(createdAtMs + (request.afterMs ?? 0));
}

/** When the run ended; null while it lives. */
export function endedAtOf(run: Run): number | null {
  return run.phase === 'done' ? run.updatedAtMs : null;
}

/** @throws StorageFault when the row cannot be decoded. */
export function decodeRun(row: unknown): Run {
  try {
    const columns = runRowSchema.parse(row);
    return assembleRun(columns, readJson(columns.state), readJson(columns.request));
  } catch (cause) {
    throw unreadableRun(cause);
  }
}

/** The same; a promise where the run is large. It rejects with `StorageFault`. */
export function decodeLargeRun(row: unknown): Run | Promise<Run> {
  const columns = runRowSchema.safeParse(row).data;
  if (columns === undefined || Math.max(columns.state.length, columns.request.length) <= maxParsedAtOnce) {
    return decodeRun(row);
  }
  return decodeInSlices(columns);
}

async function decodeInSlices(columns: RunRow): Promise<Run> {
  try {
    return assembleRun(columns, await parseLarge(columns.state), await parseLarge(columns.request));
  } catch (cause) {
    throw unreadableRun(cause);
  }
}

function assembleRun(columns: RunRow, state: Json, request: Json): Run {
  return {
    ...stateSchema.parse(state),
    request: requestSchema.parse(request),
    runId: columns.run_id,
    tenant: columns.tenant,
    agentId: columns.agent_id,
    agentName: columns.agent_name,
    threadId: columns.thread_id,
    phase: columns.phase,
    status: columns.status,
    owner: columns.owner,
    version: columns.version,
    createdAtMs: columns.created_at_ms,
    updatedAtMs: columns.updated_at_ms,
    ...decodeVendor(columns.vendor),
  };
}

function unreadableRun(cause: unknown): StorageFault {
  return new StorageFault('a run in the database cannot be read', cause, { isOfOneRow: true });
}

/** Longer texts are parsed in slices. */
const maxParsedAtOnce = 65_536;
const inputMembers: readonly string[] = ['input', 'messages'];

/**
 * Decodes a row of {@link summaryColumns} with its request; a promise where the request is large.
 *
 * @throws StorageFault when the row cannot be decoded.
 */
export function decodeSummary(row: unknown, omitInput: boolean): RunSummary | Promise<RunSummary> {
  try {
    const columns = summaryRowSchema.parse(row);
    const omit = omitInput ? inputMembers : [];
    if (columns.request.length <= maxParsedAtOnce) {
      return summaryOf(columns, requestSchema.parse(omitMembers(readJson(columns.request), omit)));
    }
    return parseSliced(columns.request, omit).then(
      (request) => summaryOf(columns, requestSchema.parse(request)),
      (cause: unknown) => {
        throw new StorageFault('a run in the database cannot be read', cause);
      },
    );
  } catch (cause) {
    throw new StorageFault('a run in the database cannot be read', cause);
  }
}

function summaryOf(columns: z.output<typeof summaryRowSchema>, request: RunRequest): RunSummary {
  return {
    runId: columns.run_id,
    tenant: columns.tenant,
    agentId: columns.agent_id,
    agentName: columns.agent_name,
    threadId: columns.thread_id,
    request,
    phase: columns.phase,
    status: columns.status,
    createdAtMs: columns.created_at_ms,
    updatedAtMs: columns.updated_at_ms,
    ...decodeVendor(columns.vendor),
    ...(typeof columns.errcode === 'number' ? { errcode: columns.errcode } : {}),
  };
}
