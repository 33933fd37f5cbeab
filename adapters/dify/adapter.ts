import { z } from 'zod';
import type { FindRequest, StartAnswer, StartRequest } from '../../src/contract/adapter/adapter.ts';
import { type Consequence, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { findReason } from '../../src/json/find-reason.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { actOnce, endRun, observeRun, refuseOther } from '../call-rules.ts';
import { defineAdapter } from '../define-adapter.ts';
import { fillPath } from '../path.ts';
import { runConfig, settings, type Target, target } from './settings.ts';
import {
  type DifyEvent,
  isError,
  isHead,
  isNamed,
  isRest,
  logsAnswer,
  paths,
  pauseAnswer,
  runAnswer,
  startAnswer,
  submission,
} from './wire.ts';

/** Dify's apps that run workflows. A start answers a stream, whose first event names the run. */
export const dify = defineAdapter({
  name: 'dify',
  baseUrl: 'https://api.dify.ai/v1',
  capabilities: { resume: true, cancel: true, push: false, session: false, adopt: 'find' },
  settings,
  target,
  runConfig,
  capabilitiesOf: (target) => ({ adopt: isSearchable(target) ? 'find' : 'none' }),
  secretsOf: ({ apiKey }) => [apiKey],

  connect({ apiKey }, http) {
    const app = reachApp(apiKey, http);
    return {
      start: app.start,

      async observe(_target, { runId, user = runId }, signal) {
        const call = { ...app.shared, ...observeRun, purpose: 'observe', method: 'GET', signal } as const;
        const path = fillPath(paths.run, { runId });
        const { body, raw } = await http.call({ ...call, path, answer: runAnswer, statusOf: ({ status }) => status });
        refuseOther(runId, body.id);
        if (body.status !== 'paused') return { status: body.status, raw };
        const query = new URLSearchParams({ user, include_state_snapshot: 'true' });
        const events = await http.call({
          ...call,
          path: `${fillPath(paths.events, { runId })}?${query}`,
          events: { isEnough: isRest },
          answer: pauseAnswer,
        });
        return { status: body.status, raw: { ...(raw as JsonObject), forms: formsIn(events.body) } };
      },

      async resume(_target, { runId, user = runId }, resumption) {
        const form = submission.safeParse(resumption);
        if (!form.success) throw refuse("the mapping's resume must give an object with a formToken and an action");
        const { formToken, action, inputs } = form.data;
        await http.call({
          ...app.shared,
          ...actOnce,
          purpose: 'resume',
          method: 'POST',
          path: fillPath(paths.form, { formToken }),
          body: { inputs, action, user },
          answer: anything,
        });
        return undefined;
      },

      async cancel({ app: kind }, { runId, taskId, user = runId }) {
        if (taskId === undefined)
          throw refuse('Dify stops a run by the id of its task, which a start whose answer was lost did not give');
        await http.call({
          ...app.shared,
          ...endRun,
          purpose: 'cancel',
          method: 'POST',
          path: fillPath(kind === 'chatflow' ? paths.stopChatflow : paths.stopWorkflow, { taskId }),
          body: { user },
          answer: anything,
        });
      },

      adoption: { find: app.find },
    };
  },
});

function reachApp(apiKey: string, http: HttpClient) {
  const shared = { headers: { authorization: `Bearer ${apiKey}` }, errorMessage: findReason } as const;

  async function start(request: StartRequest<Target>): Promise<StartAnswer> {
    const { target, config, runId: ours } = request;
    const { holdSeconds } = target;
    const user = userOf(target, config, ours);
    const { body: events } = await http.call({
      ...shared,
      ...actOnce,
      purpose: 'start',
      method: 'POST',
      path: startPath(target),
      body: buildStart(request, user),
      events: holdSeconds === undefined ? { isEnough: isHead } : {},
      holdMs: (holdSeconds ?? 0) * 1000,
      answer: startAnswer,
    });
    const named = events.find(isNamed);
    if (named?.workflow_run_id === undefined || named.task_id === undefined) throw refusedIn(events);
    const upstream: UpstreamRef = { runId: named.workflow_run_id, taskId: named.task_id, user };
    const end = events.find(({ event }) => event === 'workflow_finished')?.data;
    if (!isJsonObject(end) || typeof end.status !== 'string') return { upstream };
    return { upstream, observation: { status: end.status, raw: end } };
  }

  /** The end user's name is the run's id, so that what this user has run is this run. */
  async function find({ target, config, runId: ours }: FindRequest<Target>, signal?: AbortSignal) {
    const user = userOf(target, config, ours);
    if (user !== ours) return 'unclear';
    const { body } = await http.call({
      ...shared,
      ...observeRun,
      purpose: 'find',
      method: 'GET',
      path: `${paths.logs}?${new URLSearchParams({ created_by_end_user_session_id: user, limit: '20' })}`,
      answer: logsAnswer,
      signal,
    });
    // Versions that do not know the filter answer with the runs of all users.
    const own = body.data.filter((each) => each.created_by_end_user?.session_id === user);
    const [first] = own;
    if (first === undefined) return 'absent';
    return own.length > 1 ? 'unclear' : { runId: first.workflow_run.id, user };
  }

  return { shared, start, find };
}

/** The status says it all, whatever the body is. */
const anything = z.unknown();

const isSearchable = ({ app, user }: Target): boolean => app === 'workflow' && user === undefined;

function userOf({ user }: Target, config: JsonObject, runId: string): string {
  const run = runConfig.safeParse(config);
  return (run.success ? run.data.user : undefined) ?? user ?? runId;
}

function startPath({ app, workflowId }: Target): string {
  if (app === 'chatflow') return paths.runChatflow;
  return workflowId === undefined ? paths.runWorkflow : fillPath(paths.runVersion, { workflowId });
}

/**
 * A workflow takes an object of variables: any other input is its variable `input`. A chatflow takes a text: an input that is
 * an object has it as `query`, with `inputs` and `conversation_id`.
 */
function buildStart({ target, input, config }: StartRequest<Target>, user: string): JsonObject {
  const run = runConfig.safeParse(config);
  const files = run.success ? run.data.files : undefined;
  const usual: JsonObject = {
    response_mode: 'streaming',
    user,
    ...(files === undefined ? {} : { files: files as Json }),
  };
  if (target.app === 'workflow') return { inputs: isJsonObject(input) ? input : { input }, ...usual };
  const { query, inputs, conversation_id } = isJsonObject(input) ? input : ({} as JsonObject);
  return {
    query: typeof query === 'string' ? query : typeof input === 'string' ? input : JSON.stringify(input),
    inputs: isJsonObject(inputs) ? inputs : {},
    ...(typeof conversation_id === 'string' ? { conversation_id } : {}),
    ...usual,
  };
}

/** The forms that a paused run waits for, from events of their own or from the reasons of the pause. */
function formsIn(events: readonly DifyEvent[]): Json {
  const forms = events.filter(({ event }) => event === 'human_input_required').map(({ data = null }) => data);
  if (forms.length > 0) return forms;
  const pause = events.find(({ event }) => event === 'workflow_paused')?.data;
  return isJsonObject(pause) && Array.isArray(pause.reasons) ? pause.reasons : [];
}

/** An error in the stream is judged as an answer with its status would be. */
function refusedIn(events: readonly DifyEvent[]): UpstreamFault {
  const error = events.find(isError);
  const status = Number(error?.status ?? 400);
  const message = error?.message ?? 'the vendor refused the request';
  return new UpstreamFault({
    ...{ kind: 'http-status', httpStatus: status, message },
    ...{ consequence: consequenceOf(status), answer: (error ?? null) as Json },
  });
}

function consequenceOf(status: number): Consequence {
  if (status === 429 || status === 503) return 'retry';
  return status === 408 || status >= 500 ? 'unknown' : 'rejected';
}

/** Nothing was sent, and nothing would be different the next time. */
function refuse(message: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'rejected', kind: 'malformed', message });
}
