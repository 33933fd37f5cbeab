import { z } from 'zod';
import type { Answer, Operation } from '../../contract/api/protocol.ts';
import type { VendorAnswer } from '../../contract/api/vendor-calls.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import { answersOf } from '../shared/answer-schemas.ts';
import { operation } from '../shared/operation.ts';
import { json, noBody } from '../shared/requests.ts';
import { encodeRefusal } from './errors.ts';
import { intuned } from './run-operations.ts';
import { answers, pathPart, projectName, vendorAnswer, workspaceId } from './schemas.ts';

type Row = {
  readonly id: string;
  readonly method: Operation['method'];
  /** Below the workspace. */
  readonly path: string;
  readonly summary: string;
  readonly status?: 201 | 204;
  /** It stops something, or begins nothing although it is no GET. */
  readonly isEnd?: true;
};

const jobs = '/projects/:projectName/jobs';
const sessions = '/projects/:projectName/auth-sessions';

/** The operations of the vendor's API that make no run of the gateway, as its clients have them. */
const rows: readonly Row[] = [
  { id: 'list_jobs', method: 'GET', path: jobs, summary: 'List jobs' },
  { id: 'create_job', method: 'POST', path: jobs, summary: 'Create a job', status: 201 },
  { id: 'get_job', method: 'GET', path: `${jobs}/:jobId`, summary: 'Get a job' },
  { id: 'update_job', method: 'PUT', path: `${jobs}/:jobId`, summary: 'Update a job' },
  { id: 'delete_job', method: 'DELETE', path: `${jobs}/:jobId`, summary: 'Delete a job', status: 204, isEnd: true },
  { id: 'pause_job', method: 'POST', path: `${jobs}/:jobId/pause`, summary: 'Pause a job', isEnd: true },
  { id: 'resume_job', method: 'POST', path: `${jobs}/:jobId/resume`, summary: 'Resume a job' },
  { id: 'trigger_job', method: 'POST', path: `${jobs}/:jobId/trigger`, summary: 'Trigger a job' },
  { id: 'list_job_runs', method: 'GET', path: `${jobs}/:jobId/runs`, summary: 'List the runs of a job' },
  { id: 'get_job_run', method: 'GET', path: `${jobs}/:jobId/runs/:jobRunId`, summary: 'Get a run of a job' },
  {
    id: 'terminate_job_run',
    method: 'POST',
    path: `${jobs}/:jobId/runs/:jobRunId/terminate`,
    summary: 'Terminate a run of a job',
    isEnd: true,
  },
  { id: 'list_auth_sessions', method: 'GET', path: sessions, summary: 'List auth sessions' },
  { id: 'get_auth_session', method: 'GET', path: `${sessions}/:authSessionId`, summary: 'Get an auth session' },
  {
    id: 'delete_auth_session',
    method: 'DELETE',
    path: `${sessions}/:authSessionId`,
    summary: 'Delete an auth session',
    status: 204,
    isEnd: true,
  },
  {
    id: 'start_auth_session_creation',
    method: 'POST',
    path: `${sessions}/create`,
    summary: 'Start to create an auth session',
    status: 201,
  },
  {
    id: 'get_auth_session_creation',
    method: 'GET',
    path: `${sessions}/create/:operationId/result`,
    summary: 'Get the result of a creation',
  },
  {
    id: 'start_auth_session_update',
    method: 'POST',
    path: `${sessions}/:authSessionId/update`,
    summary: 'Start to update an auth session',
    status: 201,
  },
  {
    id: 'get_auth_session_update',
    method: 'GET',
    path: `${sessions}/:authSessionId/update/:operationId/result`,
    summary: 'Get the result of an update',
  },
  {
    id: 'start_auth_session_validation',
    method: 'POST',
    path: `${sessions}/:authSessionId/validate/start`,
    summary: 'Start to validate an auth session',
    status: 201,
  },
  {
    id: 'get_auth_session_validation',
    method: 'GET',
    path: `${sessions}/:authSessionId/validate/:operationId/result`,
    summary: 'Get the result of a validation',
  },
  { id: 'start_web_task', method: 'POST', path: '/web-tasks/start', summary: 'Start a web task' },
  { id: 'get_web_task_result', method: 'GET', path: '/web-tasks/:webTaskId/result', summary: 'Get a web task' },
];

const passed =
  "Passed on to the vendor with the backend's credentials, where the backend has `passthrough`; status and body of the answer are the vendor's.";

const paging = { pageSize: z.string(), pageNumber: z.string(), sortBy: z.string() };
/** Any query passes; these are the ones that the vendor's clients send. */
const query = z.looseObject(z.object(paging).partial().shape);
/** Some operations of the vendor take no body, and some of its clients send one all the same. */
const body = json.optional();

export function createPassedOperations(): readonly Operation[] {
  return rows.map(({ id, method, path, summary, status = 200, isEnd = false }) => {
    const parts = path.slice(1).split('/');
    const names = parts.filter((each) => each.startsWith(':')).map((each) => each.slice(1));
    const schemas = names.map((name) => [name, name === 'projectName' ? projectName : pathPart] as const);
    const params = z.object({ workspaceId, ...Object.fromEntries(schemas) });
    const shape = status === 204 ? { description: 'Success' } : { description: 'Success', schema: vendorAnswer };
    return operation({
      ...{ id, method, summary, params, query },
      path: `/:workspaceId${path}`,
      description: passed,
      body: method === 'GET' ? noBody : body,
      answers: answersOf(answers.Error, { [status]: shape }, [404, 422]),
      handle: async (api, request) => {
        const given: Readonly<Record<string, string>> = request.params;
        const answer = await api.vendors.pass({
          tenant: request.tenant,
          vendor: intuned,
          place: { workspaceId: request.params.workspaceId },
          method,
          path: parts.map((each) => (each.startsWith(':') ? (given[each.slice(1)] ?? '') : each)),
          query: listQuery(request.query),
          body: request.body,
          begins: method !== 'GET' && !isEnd,
          signal: request.signal,
        });
        return encodeVendorAnswer(answer, request.requestId);
      },
    });
  });
}

function listQuery(given: Readonly<Record<string, unknown>>): readonly (readonly [string, string])[] {
  return Object.entries(given).flatMap(([name, value]) =>
    [value].flat().flatMap((each) => (typeof each === 'string' ? [[name, each] as const] : [])),
  );
}

function encodeVendorAnswer({ status, body, reason, retryAfterSeconds }: VendorAnswer, requestId: string): Answer {
  if (status >= 300 && status < 400)
    throw new GatewayError('vendor_failed', { detail: `it answered ${status}, which is not followed` });
  if (body !== undefined) return { kind: 'json', status, body, retryAfterSeconds };
  if (status < 400) return { kind: 'empty', status };
  const refusal = encodeRefusal(status, reason ?? 'the vendor refuses the request', undefined, requestId);
  return { kind: 'json', status, body: refusal, retryAfterSeconds };
}
