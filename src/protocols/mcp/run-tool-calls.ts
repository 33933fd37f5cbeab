import { z } from 'zod';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { agentOf, findRun } from './agent-of-run.ts';
import type { Call, Reply } from './call.ts';
import { followRun } from './followed-run.ts';
import { failure, sayQuestion, textOf } from './results.ts';
import { maxWaitSeconds } from './run-tools.ts';
import type { RunToolName } from './tool-name.ts';

const given = z.looseObject({
  run_id: z.string(),
  wait_seconds: z.number().min(0).max(maxWaitSeconds).default(0),
  payload: z.unknown().optional(),
});

/** Errors that the model can do something about. */
const explained: ReadonlySet<string> = new Set(['run_not_found', 'run_not_interrupted', 'invalid_input']);

/** The tools for runs: for clients that cannot ask a person, and for models that come back to a run. */
export async function callRunTool(call: Call, name: RunToolName, args: JsonObject): Promise<JsonObject | Reply> {
  const read = given.safeParse(args);
  if (!read.success)
    return failure(
      `the arguments are not valid: ${read.error.issues[0]?.path.join('/')} ${read.error.issues[0]?.message}`,
    );
  try {
    return await runTools[name](call, read.data);
  } catch (error) {
    if (error instanceof GatewayError && explained.has(error.code)) return failure(error.message);
    throw error;
  }
}

type Given = z.output<typeof given>;

const runTools: Readonly<Record<RunToolName, (call: Call, args: Given) => Promise<JsonObject | Reply>>> = {
  get_run: async (call, { run_id: id, wait_seconds: seconds }) => {
    const { run } = await findRun(call, id, 'poll');
    if (run.status !== 'pending' || seconds === 0) return await showRun(call, run);
    return await showRun(call, await call.api.runs.wait(keyOf(run), seconds * 1000, call.request.signal));
  },
  resume_run: async (call, { run_id: id, payload }) => {
    if (payload === undefined) return failure('the arguments are not valid: payload is required');
    const { run, agent } = await findRun(call, id);
    const { run: resumed, replayed: isReplayed } = await call.api.runs.resume(keyOf(run), payload as Json, {
      mark: call.request.idempotencyKey,
    });
    return await followRun(call, resumed, {
      ...{ agent, afterSeq: resumed.lastSeq, isReplayed },
      endsWithCall: false,
    });
  },
  cancel_run: async (call, { run_id: id }) => {
    const { run } = await findRun(call, id);
    return await showRun(call, await call.api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false }));
  },
};

/** The run as it is, in words and as data. */
async function showRun({ api }: Call, run: Run): Promise<JsonObject> {
  const { runId, agentName, status, phase, outcome } = run;
  const head = { run_id: runId, agent: agentName, status, phase };
  if (status === 'pending' || outcome === null)
    return { content: [{ type: 'text', text: `The run ${runId} is under way (${phase}).` }], structuredContent: head };
  if (outcome.kind === 'result') {
    const structuredContent = { ...head, output: outcome.value };
    return { content: [{ type: 'text', text: await textOf(outcome.value) }], structuredContent };
  }
  if (outcome.kind === 'error') {
    const text = `The run ${runId} ended as ${status}: ${outcome.description}`;
    return { content: [{ type: 'text', text }], structuredContent: { ...head, errcode: outcome.errcode } };
  }
  const text = sayQuestion(outcome.payload, { runId, agent: agentOf(api, run) });
  return { content: [{ type: 'text', text }], structuredContent: { ...head, interrupt: outcome.payload } };
}
