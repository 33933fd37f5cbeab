import { LRUCache } from 'lru-cache';
import type { Observation, StartAnswer, StartRequest } from '../../src/contract/adapter/adapter.ts';
import { type CallRule, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { actOnce } from '../call-rules.ts';
import { defineAdapter } from '../define-adapter.ts';
import { Footings, type Ground, sessionOf } from './footings.ts';
import { isModern, Peer, type Request, type Response } from './peer.ts';
import { runConfig, type Settings, settings, type Target, target } from './settings.ts';
import { answeredQuestion, type MessageId, type Task, task } from './wire.ts';

/** A tool of an MCP server that is called as a task, or, where it makes none, as one call whose answer is the result. */
export const mcp = defineAdapter({
  name: 'mcp',
  capabilities: { resume: true, cancel: true, push: false, session: false },
  settings,
  target,
  runConfig,
  secretsOf: ({ token, oauth2, headers = {} }) =>
    [token ?? '', oauth2?.clientSecret ?? '', ...Object.values(headers)].filter((secret) => secret !== ''),
  connect: (settings, http) => connectServer(settings, http),
});

/** 404 is about the session or the address, and never about the task: that is told in an answer. */
const observeTask = { retry: 'safe', faults: { refused: 'retry' } } as const satisfies CallRule;
const endTask = { retry: 'safe' } as const satisfies CallRule;
const readResult = { retry: 'safe' } as const satisfies CallRule;
/** The code of "invalid params", which the server has for a task that it does not know. */
const unknownTask = { [-32602]: 'gone' } as const;
/** Marks what is no task but a call that is under way; its id is that of the run. */
const callMark = 'call:';
/** How long a server has to put the question that it says it waits with. */
const questionWithinMs = 2000;
const maxQuestions = 1000;

type Question = { readonly key: MessageId; readonly method: string; readonly params: JsonObject };

function connectServer(settings: Settings, http: HttpClient) {
  const peer = new Peer(settings, http);
  const footings = new Footings(peer, settings.protocol);
  /** An older server puts a question once, and is asked about the task many times. */
  const questions = new LRUCache<string, readonly Question[]>({ max: maxQuestions });

  /** A session that is over refuses before anything is done, so that even a start may be sent again, in a new one. */
  async function send(ground: Ground, request: (ground: Ground) => Request): Promise<Sent> {
    try {
      return { ground, message: (await peer.request(ground.footing, request(ground))).message };
    } catch (error) {
      if (!isSessionOver(error, ground)) throw error;
      footings.drop(ground.footing);
      const next = await footings.find(request(ground).faults?.refused ?? 'rejected');
      return { ground: next, message: (await peer.request(next.footing, request(next))).message };
    }
  }

  /** Asks about a task in the session that it was started in, as long as that lives. */
  async function ask(ref: UpstreamRef, request: Request): Promise<Sent> {
    const shared = await footings.find(request.faults?.refused ?? 'rejected');
    const { sessionId = null } = ref;
    const isOther = sessionId !== null && !isModern(shared.footing) && shared.footing.sessionId !== sessionId;
    const ground = isOther ? { ...shared, footing: { protocol: shared.footing.protocol, sessionId } } : shared;
    return await send(ground, () => request);
  }

  async function start({ target, input, runId }: StartRequest<Target>): Promise<StartAnswer> {
    const args = isJsonObject(input) ? input : { input };
    const { ground, message } = await send(await footings.find('rejected'), ({ footing, makesTask }) => {
      const isTask = !isModern(footing) && makesTask(target.tool);
      return {
        ...actOnce,
        ...{ purpose: 'start', id: runId, method: 'tools/call', holdMs: isTask ? 0 : target.maxCallSeconds * 1000 },
        params: { name: target.tool, arguments: args, ...(isTask ? { task: { ttl: target.ttlSeconds * 1000 } } : {}) },
      };
    });
    const result = resultIn(message);
    const made = task.safeParse(
      isModern(ground.footing) ? (result.resultType === 'task' ? result : null) : result.task,
    );
    if (!made.success) return { upstream: null, observation: endOf(result) };
    const sessionId = sessionOf(ground.footing);
    return { upstream: { runId: made.data.taskId, ...(sessionId === undefined ? {} : { sessionId }) } };
  }

  async function observe(ref: UpstreamRef, signal: AbortSignal | undefined): Promise<Observation> {
    const params = { taskId: ref.runId };
    const request = { ...observeTask, purpose: 'observe', method: 'tasks/get', params, errors: unknownTask, signal };
    const { ground, message } = await ask(ref, request);
    const { data: seen } = task.safeParse(resultIn(message));
    if (seen?.taskId !== ref.runId)
      throw unreadable(`the server was asked for the task ${ref.runId} and answered otherwise`);
    if (isModern(ground.footing)) return show(seen, partsOf(seen));
    if (seen.status === 'input_required') return show(seen, { requests: await questionsOf(ref, signal) });
    if (seen.status !== 'completed' && seen.status !== 'failed') return show(seen, {});
    return show(seen, await fetchResult(ref, seen.status, signal));
  }

  /** A task that failed may have an error in place of its result. */
  async function fetchResult(ref: UpstreamRef, status: string, signal: AbortSignal | undefined): Promise<Parts> {
    const request = { ...readResult, purpose: 'result', method: 'tasks/result', params: { taskId: ref.runId }, signal };
    try {
      const { message } = await ask(ref, { ...request, resultOf: status });
      return { result: resultIn(message) };
    } catch (error) {
      const isTold = error instanceof UpstreamFault && isJsonObject(error.answer) && isJsonObject(error.answer.error);
      if (status !== 'failed' || !isTold || error.httpStatus !== 200) throw error;
      return { error: (error.answer as JsonObject).error };
    }
  }

  /** The question comes where the result would. */
  async function questionsOf(ref: UpstreamRef, signal: AbortSignal | undefined): Promise<readonly Question[]> {
    const known = questions.get(ref.runId);
    if (known !== undefined) return known;
    const patience = AbortSignal.timeout(questionWithinMs);
    const params = { taskId: ref.runId };
    const request = { ...observeTask, purpose: 'question', method: 'tasks/result', params, takesRequests: true };
    try {
      const { message } = await ask(ref, {
        ...request,
        signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
      });
      if (message.kind !== 'request' || message.id === undefined) return [];
      const asked = [{ key: message.id, method: message.method, params: message.params }];
      questions.set(ref.runId, asked);
      return asked;
    } catch (error) {
      if (!patience.aborted || signal?.aborted === true) throw error;
      return [];
    }
  }

  async function resume(ref: UpstreamRef, resumption: Json): Promise<undefined> {
    const read = answeredQuestion.safeParse(resumption);
    if (!read.success) throw refuse("the mapping's resume must give an object with a key and an action");
    const { key, action, content } = read.data;
    const answer: JsonObject = { action, ...(content === undefined ? {} : { content }) };
    const ground = await footings.find('rejected');
    if (isModern(ground.footing)) {
      const params = { taskId: ref.runId, inputResponses: { [key]: answer } };
      await ask(ref, { ...actOnce, purpose: 'resume', method: 'tasks/update', params });
      return;
    }
    const footing = { protocol: ground.footing.protocol, sessionId: ref.sessionId ?? ground.footing.sessionId };
    await peer.post(footing, { ...actOnce, purpose: 'resume' }, { id: key, result: answer });
    questions.delete(ref.runId);
  }

  async function cancel(ref: UpstreamRef): Promise<void> {
    if (!ref.runId.startsWith(callMark)) {
      const request = { ...endTask, purpose: 'cancel', method: 'tasks/cancel', errors: unknownTask };
      await ask(ref, { ...request, params: { taskId: ref.runId } });
      return;
    }
    const { footing } = await footings.find('rejected');
    if (isModern(footing)) throw refuse('a call that makes no task ends with its connection alone');
    const params = { requestId: ref.runId.slice(callMark.length), reason: 'the run was cancelled' };
    await peer.post(footing, { ...endTask, purpose: 'cancel' }, { method: 'notifications/cancelled', params });
  }

  return {
    start,
    observe: (_target: Target, ref: UpstreamRef, signal?: AbortSignal) => observe(ref, signal),
    resume: (_target: Target, ref: UpstreamRef, resumption: Json) => resume(ref, resumption),
    cancel: (_target: Target, ref: UpstreamRef) => cancel(ref),
    adoption: { refOf: (_target: Target, runId: string) => ({ runId: callMark + runId }) },
  };
}

type Sent = { readonly ground: Ground; readonly message: Response };

/** What there is of a task beside its status. */
type Parts = {
  readonly result?: JsonObject | undefined;
  readonly error?: Json | undefined;
  readonly requests?: readonly Question[] | undefined;
};

function resultIn(message: Response): JsonObject {
  if (message.kind === 'result') return message.result;
  throw unreadable('the server asked a question in place of an answer');
}

function partsOf({ result, error, inputRequests }: Task): Parts {
  const requests = Object.entries(inputRequests ?? {}).map(([key, { method, params = {} }]) => ({
    key,
    method,
    params,
  }));
  return { result, error, requests: inputRequests === undefined ? undefined : requests };
}

/** A tool that ran and says that it failed has failed, whatever the status of its task. */
function show(seen: Task, { result, error, requests }: Parts): Observation {
  const { result: _result, error: _error, inputRequests: _requests, ...plain } = seen;
  const status = seen.status === 'completed' && result?.isError === true ? 'failed' : seen.status;
  const waitMs = seen.pollIntervalMs ?? seen.pollInterval ?? null;
  const raw = {
    ...{ status, task: plain as JsonObject },
    ...(result === undefined ? {} : { result }),
    ...(error === undefined ? {} : { error }),
    ...(requests === undefined ? {} : { requests: requests as Json }),
  };
  return { status, raw, ...(waitMs !== null && waitMs > 0 ? { notBeforeMs: waitMs } : {}) };
}

/** What a call that made no task came to. A question can only be answered where there is a task to go on with. */
function endOf(result: JsonObject): Observation {
  const status =
    result.resultType === 'input_required' ? 'unanswerable' : result.isError === true ? 'failed' : 'completed';
  return { status, raw: { status, result } };
}

/** The specification has 404 for a session that is over; some servers answer 400 and say so. */
function isSessionOver(error: unknown, { footing }: Ground): boolean {
  if (!(error instanceof UpstreamFault) || isModern(footing) || footing.sessionId === null) return false;
  return error.httpStatus === 404 || (error.httpStatus === 400 && /session/i.test(error.message));
}

function unreadable(message: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'retry', kind: 'malformed', message });
}

/** Nothing was sent, and nothing would be different the next time. */
function refuse(message: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'rejected', kind: 'malformed', message });
}
