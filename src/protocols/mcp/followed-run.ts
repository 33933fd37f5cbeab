import type { Agent } from '../../contract/domain/agent.ts';
import { maxWaitSeconds } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Outcome, Run } from '../../contract/domain/run.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { type Call, Reply, respond, respondError } from './call.ts';
import { CallEvents, type Encoded, type ProgressToken } from './call-events.ts';
import { openQuestionsOf, type Question, questionsOf } from './questions.ts';
import { endOf } from './results.ts';
import { rpcCodes } from './rpc-error.ts';
import { elicit, elicitAll, encodeTask } from './tasks.ts';
import { metaOf } from './wire.ts';

/** A run that ends within this time is answered as such, also where its client takes tasks. */
const shortMs = 300;
/** In the `_meta` of results. */
const runIdKey = 'rungate/runId';
const maxWaitMs = maxWaitSeconds * 1000;

export type FollowOptions = {
  /** Undefined where the config no longer has it. */
  readonly agent: Agent | undefined;
  /** Events up to this one were answered. */
  readonly afterSeq: number;
  readonly isReplayed: boolean;
  /** Whether the run ends with the call, where its client leaves. */
  readonly endsWithCall: boolean;
};

/** Answers a call with what its run comes to, as soon as that is known, or with its task. */
export async function followRun(call: Call, run: Run, options: FollowOptions): Promise<Reply> {
  const { client, api, request } = call;
  const policy = options.agent?.mcp?.tasks ?? 'auto';
  const isTask = policy !== 'never' && client.isStateless && client.takesTasks;
  if (isTask && policy === 'required') return task(call, run, options);
  const progressToken = tokenOf(call);
  const mayStream = client.takesEvents && !isTask;
  const early = mayStream && progressToken !== null ? run : await api.runs.wait(keyOf(run), shortMs, request.signal);
  if (early.phase === 'done') return await settle(call, early, options);
  const asksFirst = policy === 'late' && early.status === 'interrupted' && client.canElicit;
  if (isTask && !asksFirst) return task(call, early, options);
  const isOver = early.status === 'interrupted' && !asksOnStream(call, early, options);
  if (mayStream && !isOver) return await stream(call, early, { ...options, progressToken });
  const late = await api.runs.wait(keyOf(run), maxWaitMs, request.signal);
  if (late.status === 'pending' && request.clientLeft() && options.endsWithCall)
    await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
  return await settle(call, late, options);
}

function task(call: Call, run: Run, options: FollowOptions): Reply {
  const body = respond(call, { resultType: 'task', ...encodeTask(run, call) });
  return new Reply({ kind: 'json', status: 200, body, ...markOf(run, options) });
}

/** The answer with the run as it is: over, interrupted, or, where the gateway drains, under way. */
async function settle(call: Call, run: Run, options: FollowOptions): Promise<Reply> {
  const body =
    run.outcome === null || run.status === 'pending'
      ? await postpone(call, run)
      : await conclude(call, { run, outcome: run.outcome, seq: run.lastSeq }, options);
  return new Reply({ kind: 'json', status: 200, body, ...markOf(run, options) });
}

/** The client comes back for a run that goes on while the gateway does not. */
async function postpone(call: Call, { runId, tenant }: Run): Promise<JsonObject> {
  if (call.client.isStateless) {
    const requestState = await call.seals.sealState({ tenant, runId, seq: 0 });
    return respond(call, { resultType: 'input_required', requestState });
  }
  const text = `The run ${runId} is under way. Look at it with the tool get_run.`;
  return respond(call, { content: [{ type: 'text', text }], isError: true });
}

async function stream(
  call: Call,
  run: Run,
  options: FollowOptions & { readonly progressToken: ProgressToken | null },
): Promise<Reply> {
  const { api } = call;
  const { progressToken, afterSeq, endsWithCall } = options;
  const farewell = { data: await postpone(call, run) };
  const events = await api.runs.watch(keyOf(run), afterSeq);
  const error = new GatewayError('run_not_found', { detail: 'it was removed while it was under way' });
  return new Reply({
    kind: 'events',
    farewell,
    events: new CallEvents(events, {
      progressToken,
      vanished: respondError(call, { code: rpcCodes.internal, message: error.message }),
      conclude: (event) => concludeEvent(call, { run, event }, options),
    }),
    ...markOf(run, options),
    ...(endsWithCall
      ? { onLeft: async () => void (await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false })) }
      : {}),
  });
}

async function concludeEvent(
  call: Call,
  { run, event: { change, seq } }: { readonly run: Run; readonly event: RunEvent },
  options: FollowOptions,
): Promise<Encoded> {
  const outcome = change as Outcome;
  // It was answered before this call looked at the run.
  if (outcome.kind === 'interrupt' && seq < run.lastSeq) return { messages: [], isLast: false };
  const questions = outcome.kind === 'interrupt' ? questionsOnStream(call, outcome.payload, options) : null;
  if (questions === null) return { messages: [await conclude(call, { run, outcome, seq }, options)], isLast: true };
  const { tenant, runId } = run;
  const asked = questions.map(async ({ key, params }): Promise<JsonObject> => {
    const id = await call.seals.sealQuestion({ tenant, runId, seq, key });
    return { jsonrpc: '2.0', id, ...elicit(params) };
  });
  return { messages: await Promise.all(asked), isLast: false };
}

type Concluded = { readonly run: Run; readonly outcome: Outcome; readonly seq: number };

/** The response to a call whose run is over or interrupted. */
async function conclude(call: Call, { run, outcome, seq }: Concluded, { agent }: FollowOptions): Promise<JsonObject> {
  const { client, seals } = call;
  const { runId, tenant } = run;
  if (outcome.kind === 'interrupt' && client.isStateless && client.canElicit) {
    const questions = run.lastSeq === seq ? openQuestionsOf(agent, run) : questionsOf(agent, outcome.payload);
    if (questions !== null)
      return respond(call, {
        resultType: 'input_required',
        inputRequests: elicitAll(questions),
        requestState: await seals.sealState({ tenant, runId, seq }),
      });
  }
  const end = await endOf(outcome, { runId, agent, isStateless: client.isStateless });
  return end.kind === 'error'
    ? respondError(call, end.error)
    : respond(call, { ...end.result, _meta: { [runIdKey]: runId } });
}

/** The questions of an interrupt that are put on the stream of the call, and are answered by messages of their own. */
function questionsOnStream({ client }: Call, interrupt: Json, { agent }: FollowOptions): readonly Question[] | null {
  return client.isStateless || !client.canElicit ? null : questionsOf(agent, interrupt);
}

function asksOnStream(call: Call, { outcome }: Run, options: FollowOptions): boolean {
  return outcome?.kind === 'interrupt' && questionsOnStream(call, outcome.payload, options) !== null;
}

function markOf({ waiting }: Run, { isReplayed }: FollowOptions) {
  return { replayed: isReplayed, waiting };
}

function tokenOf({ params }: Call): ProgressToken | null {
  const { progressToken } = metaOf(params);
  return typeof progressToken === 'string' || typeof progressToken === 'number' ? progressToken : null;
}
