import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { SandboxRun } from '../run-table.ts';
import type { View } from '../script.ts';

const docs = 'https://docs.intunedhq.com/docs/support';

type Failed = Extract<View, { readonly kind: 'failed' }>;
type Canceled = Extract<View, { readonly kind: 'canceled' }>;

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
    case 'failed':
      return { runId, status: 'failed', error: encodeFailure(run, view), message: view.failure.message };
    case 'canceled':
      return { runId, status: 'canceled', reason: encodeReason(view), message: view.message };
    default:
      return assertNever(view);
  }
}

/** The members of a failed run's `error` are in snake case, and those that have no value are left out. */
function encodeFailure({ runId }: SandboxRun, { failure }: Failed): JsonObject {
  const { message, code, category, retirable } = failure;
  const names = { doc_url: `${docs}/errors#${code ?? category}`, correlation_id: `sandbox-${runId}` };
  return { message, ...(code === undefined ? {} : { code }), category, retirable, ...names };
}

export function encodeReason({ reason: type, message }: Canceled): JsonObject {
  return { type, message, doc_url: `${docs}/reasons#${type}` };
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

/** The body that is posted to the webhook sink when the run ends; null where there is nothing to say. */
export function encodeDelivery(run: SandboxRun, place: Place, view: View): JsonObject | null {
  const result = encodeSinkResult(view);
  if (result === null) return null;
  const { workspaceId, project, api, authSessionId } = place;
  const delivery = {
    apiInfo: { name: api, parameters: run.input, runId: run.runId, result },
    workspaceId,
    project: { id: project, name: project },
  };
  return authSessionId === undefined ? delivery : { ...delivery, authSession: { id: authSessionId } };
}

/** A sink is told an error by its code alone, and the HTTP status of the run's own answer. */
function encodeSinkResult(view: View): JsonObject | null {
  switch (view.kind) {
    case 'completed':
      return { status: 'completed', result: view.output, statusCode: 200 };
    case 'failed': {
      const { code, category, message } = view.failure;
      return { status: 'failed', error: code ?? category, message, statusCode: 500 };
    }
    case 'canceled':
      return { status: 'failed', error: view.reason, message: view.message, statusCode: 500 };
    default:
      return null;
  }
}
