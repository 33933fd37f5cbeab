import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { SandboxRun } from '../run-table.ts';
import type { View } from '../script.ts';

const docs = 'https://docs.intunedhq.com/docs/support';

/** A run in Intuned's words; null where the vendor no longer knows it. */
export function encodeResult(run: SandboxRun, view: View): JsonObject | null {
  const { runId } = run;
  switch (view.kind) {
    case 'queued':
      return { runId, status: 'pending' };
    case 'running':
      return view.output === undefined
        ? { runId, status: 'started' }
        : { runId, status: 'started', result: view.output };
    case 'odd':
      return { runId, status: view.status };
    case 'forgotten':
      return null;
    case 'completed':
      return { runId, status: 'completed', result: view.output, ...extendedPayloads(run.input) };
    case 'failed': {
      const { message, code, category, retirable } = view.failure;
      const names = { docUrl: `${docs}/errors#${code ?? category}`, correlationId: `sandbox-${runId}` };
      const error = { message, ...(code === undefined ? {} : { code }), category, retirable, ...names };
      return { runId, status: 'failed', error, message };
    }
    case 'canceled': {
      const { reason: type, message } = view;
      return { runId, status: 'canceled', reason: { type, message, docUrl: `${docs}/reasons#${type}` }, message };
    }
    default:
      return assertNever(view);
  }
}

/** A run requests further runs by naming them; the sandbox passes on what the parameters list. */
function extendedPayloads(input: Json): JsonObject {
  const listed = isJsonObject(input) ? input.extendedPayloads : undefined;
  return Array.isArray(listed) ? { extendedPayloads: listed } : {};
}

/** The workspace and project of an Intuned run, as its webhook names them. */
export type Place = {
  readonly workspaceId: string;
  readonly project: string;
  readonly api: string;
  readonly authSessionId: string | undefined;
};

/** The body that is posted to the webhook sink when the run ends; `answer` is the run's {@link encodeResult}. */
export function encodeDelivery(run: SandboxRun, place: Place, answer: JsonObject): JsonObject {
  const { workspaceId, project, api, authSessionId } = place;
  const { runId: _, ...result } = answer;
  const delivery = {
    apiInfo: { name: api, parameters: run.input, runId: run.runId, result },
    workspaceId,
    project: { id: project, name: project },
  };
  return authSessionId === undefined ? delivery : { ...delivery, authSession: { id: authSessionId } };
}
