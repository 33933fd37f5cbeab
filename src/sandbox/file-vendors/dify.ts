import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { SandboxRun } from '../run-table.ts';
import type { View } from '../script.ts';
import type { Reply } from '../wire-host.ts';
import { bearerOf, type StandIn } from './stand-in.ts';
import { outputOf, questionOf, reasonOf, type Show, type VendorRuns, wordOf } from './vendor-runs.ts';

const words = {
  ...{ queued: 'scheduled', running: 'running', asking: 'paused' },
  ...{ completed: 'succeeded', failed: 'failed', canceled: 'stopped' },
};

/** The vendor stops a run by its task and answers a form by its token. */
const [taskMark, formMark] = ['task-', 'form-'];

const showRun = ((run, view): JsonObject => {
  const output = outputOf(view);
  return {
    id: run.runId,
    workflow_id: run.labels.workflow ?? null,
    status: wordOf(words, view),
    inputs: run.input,
    outputs: isJsonObject(output) ? output : output === null ? {} : { result: output },
    error: reasonOf(view),
    total_steps: 3,
    total_tokens: 0,
    created_at: Math.floor(run.startedAtMs / 1000),
    finished_at: view.kind === 'completed' ? Math.floor(view.endedAtMs / 1000) : null,
  };
}) satisfies Show;

const showLog = ((run, view): JsonObject => ({
  id: `log-${run.runId}`,
  workflow_run: { id: run.runId, status: wordOf(words, view) },
  created_by_end_user: { id: `user-${run.runId}`, type: 'service_api', session_id: run.labels.user ?? null },
})) satisfies Show;

/** The beginning of the stream that a start is answered with; who reads on by asking needs no more of it. */
function showStart({ runId, labels }: SandboxRun): readonly Json[] {
  const ids = { task_id: `${taskMark}${runId}`, workflow_run_id: runId };
  return [{ event: 'workflow_started', ...ids, data: { id: runId, workflow_id: labels.workflow ?? null } }];
}

/** What a paused run shows, if it is one. */
function showPause(run: SandboxRun, view: View): readonly Json[] {
  const question = questionOf(view);
  const ids = { task_id: `${taskMark}${run.runId}`, workflow_run_id: run.runId };
  if (question === null) return [{ event: 'workflow_finished', ...ids, data: showRun(run, view) }];
  const form = {
    form_token: `${formMark}${run.runId}`,
    node_title: 'Approval',
    form_content: question.question ?? null,
    inputs: [],
    actions: [
      { id: 'approve', title: 'Approve' },
      { id: 'reject', title: 'Reject' },
    ],
    resolved_default_values: {},
    expiration_time: null,
  };
  return [
    { event: 'human_input_required', ...ids, data: form },
    { event: 'workflow_paused', ...ids, data: { reasons: [] } },
  ];
}

/** Dify's workflows. A published version is a script. */
export const dify: StandIn = {
  vendor: 'dify',
  keyOf: bearerOf,
  encodeError: (status, message) => ({ code: status === 404 ? 'not_found' : 'invalid_param', message, status }),
  newId: 'uuid',
  routes: (runs) => {
    const start = (workflow: string, body: Json | undefined): Reply => {
      if (!isJsonObject(body) || typeof body.user !== 'string') return runs.refuse(400, 'user is required');
      const labels = { workflow, user: body.user };
      let started: readonly Json[] = [];
      const reply = runs.start({ agent: workflow, input: body.inputs ?? {}, labels }, (run) => {
        started = showStart(run);
        return null;
      });
      return started.length === 0 ? reply : { ...reply, events: started };
    };
    return {
      'POST /workflows/run': ['start', ({ body }) => start('echo', body)],
      'POST /workflows/{workflow}/run': ['start', ({ parts, body }) => start(parts.workflow ?? '', body)],
      'GET /workflows/run/{run}': ['observe', ({ parts }) => runs.observe(runs.find(parts.run ?? ''), showRun)],
      'GET /workflow/{run}/events': ['other', ({ parts }) => stream(runs, parts.run ?? '')],
      'GET /workflows/logs': ['other', ({ query }) => search(runs, query.get('created_by_end_user_session_id'))],
      'POST /form/human_input/{token}': ['event', ({ parts, body }) => submit(runs, parts.token ?? '', body)],
      'POST /workflows/tasks/{task}/stop': [
        'event',
        ({ parts }) => runs.cancel(runs.find((parts.task ?? '').slice(taskMark.length)), () => ({ result: 'success' })),
      ],
    };
  },
};

function stream(runs: VendorRuns, runId: string): Reply {
  const run = runs.find(runId);
  if (run === null) return runs.refuse(404, 'the run is not known');
  return { status: 200, body: null, events: showPause(run, runs.viewOf(run)) };
}

function search(runs: VendorRuns, user: string | null): Reply {
  const found = runs.listNewest(100).filter(({ labels }) => user === null || labels.user === user);
  return { status: 200, body: { data: found.map((run) => showLog(run, runs.viewOf(run))) } };
}

function submit(runs: VendorRuns, token: string, body: Json | undefined): Reply {
  const run = runs.find(token.slice(formMark.length));
  if (run === null) return runs.refuse(404, 'the form is not known');
  const { action = null, inputs = {} } = isJsonObject(body) ? body : {};
  const answer = { approved: action === 'approve', ...(isJsonObject(inputs) ? inputs : {}) };
  return runs.answer(run, answer) ? { status: 200, body: {} } : runs.refuse(412, 'the form was submitted before');
}
