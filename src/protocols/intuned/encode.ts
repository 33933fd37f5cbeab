import { errcodes } from '../../contract/domain/errcodes.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Outcome, Run } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { type Category, type Code, categories, codes, known, type Reason, reasons } from './words.ts';

type Failure = Extract<Outcome, { kind: 'error' }>;

type Words = { readonly code?: Code; readonly category: Category };

const ofGateway: Words = { code: 'internal-server-error', category: 'infrastructure' };
/** What the gateway's own endings are in the vendor's words; all others are the vendor's. */
const ownEndings: Readonly<Record<number, Words>> = {
  [errcodes.deadline]: { code: 'script-timeout', category: 'execution' },
  [errcodes.startRejected]: { category: 'user' },
  [errcodes.startUnknown]: ofGateway,
  [errcodes.upstreamGone]: ofGateway,
  [errcodes.mappingFailed]: ofGateway,
  [errcodes.answerUnreadable]: ofGateway,
  [errcodes.answerTooLarge]: ofGateway,
  [errcodes.unauthorised]: ofGateway,
  [errcodes.resultRefused]: ofGateway,
};

/** Intuned's `RunResult`. Members without a value are left out: its clients take no null. */
export function encodeResult(run: Run): JsonObject {
  const { runId, outcome, phase } = run;
  if (phase !== 'done' || outcome === null || outcome.kind === 'interrupt')
    return { runId, status: phase === 'queued' || phase === 'starting' ? 'pending' : 'started' };
  if (outcome.kind === 'result') {
    const extendedPayloads = encodePayloads(run.vendor?.extendedPayloads);
    return present({ runId, status: 'completed', result: outcome.value, extendedPayloads });
  }
  return isCanceled(run, outcome) ? encodeCanceled(run, outcome) : encodeFailed(run, outcome);
}

function isCanceled({ vendor }: Run, { errcode }: Failure): boolean {
  return errcode === errcodes.cancelled || (!isOwn(errcode) && vendor?.status === 'canceled');
}

function isOwn(errcode: number): boolean {
  return errcode === errcodes.cancelled || ownEndings[errcode] !== undefined;
}

function encodeCanceled({ runId, vendor }: Run, { errcode, description }: Failure): JsonObject {
  const given = errcode === errcodes.cancelled ? { type: 'cancelled-user-action' } : memberOf(vendor, 'reason');
  const type: Reason | undefined = known(reasons, given.type);
  const message = textOf(given.message) ?? description;
  // A reason needs a type that the clients know.
  const reason = type === undefined ? undefined : present({ type, message, ...linksOf(given), details: given.details });
  return present({ runId, status: 'canceled', reason, message: textOf(vendor?.message) ?? message });
}

function encodeFailed({ runId, vendor }: Run, { errcode, description }: Failure): JsonObject {
  const own = ownEndings[errcode];
  const given = own === undefined ? memberOf(vendor, 'error') : {};
  const message = own === undefined ? (textOf(given.message) ?? description) : description;
  const error = present({
    message,
    category: own?.category ?? known(categories, given.category) ?? 'execution',
    code: own === undefined ? known(codes, given.code) : own.code,
    retirable: typeof given.retirable === 'boolean' ? given.retirable : own === undefined ? undefined : false,
    ...linksOf(given),
    correlation_id: textOf(given.correlation_id) ?? textOf(given.correlationId),
    details: given.details,
  });
  return present({ runId, status: 'failed', error, message: textOf(vendor?.message) ?? message });
}

/** Payloads of further runs, without those that the clients could not read. */
function encodePayloads(payloads: Json | undefined): Json | undefined {
  if (!Array.isArray(payloads)) return undefined;
  return payloads.flatMap((each: Json) => {
    const { api, runId, parameters } = isJsonObject(each) ? each : {};
    if (typeof api !== 'string') return [];
    return [present({ api, runId: textOf(runId), parameters: isJsonObject(parameters) ? parameters : undefined })];
  });
}

/**
 * What the vendor posts to a sink when the run has ended, in the words that it documents. A run that was canceled is a failed
 * one there.
 */
export function encodeDelivery(run: Run): JsonObject {
  const { workspaceId, project, api } = run.request.origin?.extra ?? {};
  const { input, config } = run.request;
  const session = isJsonObject(config?.authSession) ? textOf(config.authSession.id) : undefined;
  return present({
    apiInfo: present({ name: api, parameters: input, runId: run.runId, result: encodeEnd(encodeResult(run)) }),
    workspaceId,
    project: present({ id: project, name: project }),
    authSession: session === undefined ? undefined : { id: session },
  });
}

function encodeEnd({ status, result, error, reason, message }: JsonObject): JsonObject {
  if (status === 'completed') return present({ status, result, statusCode: 200 });
  if (status !== 'failed' && status !== 'canceled') return present({ status });
  const { code, category } = isJsonObject(error) ? error : {};
  const type = isJsonObject(reason) ? reason.type : undefined;
  return present({ status: 'failed', error: code ?? type ?? category ?? status, message, statusCode: 500 });
}

/** The vendor's wire has snake case; some of its bodies have camel case. */
function linksOf(given: JsonObject): { readonly doc_url: string | undefined } {
  return { doc_url: textOf(given.doc_url) ?? textOf(given.docUrl) };
}

function memberOf(vendor: JsonObject | undefined, name: string): JsonObject {
  const value = vendor?.[name];
  return isJsonObject(value) ? value : {};
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Without the members that have no value. */
function present(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null),
  ) as JsonObject;
}
