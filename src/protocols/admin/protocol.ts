import type { Operation, Protocol } from '../../contract/api/protocol.ts';
import { errorTable, type GatewayError } from '../../contract/domain/errors.ts';
import type { Json } from '../../contract/domain/json.ts';
import { answersOf, eventStream, success } from '../shared/answer-schemas.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { answers } from './answers.ts';
import { backendOperations } from './backend-operations.ts';
import { encodeCheck, encodeConfig, encodeDebugLog, encodeDelivery, encodeOverview } from './encode.ts';
import { configQuery, configText, debugLog, deliveryList, redrive } from './requests.ts';
import { runOperations } from './run-operations.ts';

const error = answers.ErrorResponse;

const otherOperations: readonly Operation[] = [
  operation({
    id: 'whoami',
    method: 'GET',
    path: '/whoami',
    summary: 'Show the caller',
    description: 'The name, the tenant and the role of the key or the token.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.Whoami), []),
    handle: async (api) => jsonAnswer({ ...api.admin.whoami() }),
  }),
  operation({
    id: 'get_overview',
    method: 'GET',
    path: '/overview',
    summary: 'Show what needs a person',
    description: 'What needs a person, the worst first, with the live runs and those that ended within the last hour.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.Overview), []),
    countsAsStream: true,
    handle: async (api) => jsonAnswer(encodeOverview(await api.admin.overview())),
  }),
  operation({
    id: 'set_debug_log',
    method: 'POST',
    path: '/log:debug',
    summary: 'Log all that is done, for a while',
    description:
      'The replica that answers logs all that it does with `run_id`, or at all without it, whatever its level, for `seconds` (300); 0 ends that. `owner` is the replica that drives the run, whose log has most of it.',
    params: nothing,
    query: nothing,
    body: debugLog,
    answers: answersOf(error, success(answers.DebugLog), [404, 422]),
    handle: async (api, { body: { run_id: runId = null, seconds } }) =>
      jsonAnswer(encodeDebugLog(await api.admin.setDebugLog({ runId, forMs: seconds * 1000 }))),
  }),
  operation({
    id: 'list_deliveries',
    method: 'GET',
    path: '/webhooks',
    summary: 'List webhook deliveries',
    description: 'What receivers of webhooks are owed, got, or were given up for, newest first.',
    params: nothing,
    query: deliveryList,
    body: noBody,
    answers: answersOf(error, success(answers.DeliveryList), [422]),
    countsAsStream: true,
    handle: async (api, { query: { run_id: runId, state: states, limit } }) =>
      jsonAnswer({ deliveries: (await api.admin.deliveries({ runId, states, limit })).map(encodeDelivery) }),
  }),
  operation({
    id: 'redrive_deliveries',
    method: 'POST',
    path: '/webhooks:redrive',
    summary: 'Send webhook deliveries again',
    description: 'Makes deliveries in these states due now, of one run or of all.',
    params: nothing,
    query: nothing,
    body: redrive,
    answers: answersOf(error, success(answers.Redriven), [422]),
    handle: async (api, { body: { run_id: runId, state: states } }) =>
      jsonAnswer({ redriven: await api.admin.redrive({ runId, states }) }),
  }),
  operation({
    id: 'get_config',
    method: 'GET',
    path: '/config',
    summary: 'Show the config in force',
    description:
      'The effective config without its secrets, its hash, and the reloads of the replica that answers. With `compare=true` the file is read anew, and what a reload would change is shown.',
    params: nothing,
    query: configQuery,
    body: noBody,
    answers: answersOf(error, success(answers.Config), [422]),
    countsAsStream: true,
    handle: async (api, { query }) =>
      jsonAnswer(encodeConfig(await api.admin.config({ isCompared: query.compare === true }))),
  }),
  operation({
    id: 'check_config',
    method: 'POST',
    path: '/config:check',
    summary: 'Check a config',
    description:
      'Checks the file, or `text` in its place, as `rungate check` does, and shows what it would change. Changes nothing.',
    params: nothing,
    query: nothing,
    body: configText,
    answers: answersOf(error, success(answers.ConfigCheck), [422]),
    countsAsStream: true,
    handle: async (api, { body }) => jsonAnswer(encodeCheck(await api.admin.checkConfig(body?.text ?? null))),
  }),
  operation({
    id: 'reload_config',
    method: 'POST',
    path: '/config:reload',
    summary: 'Reload the config',
    description:
      'Reads the file anew and takes it if nothing is wrong with it; otherwise the config in force stays, and `problems` say why.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.Reload), []),
    countsAsStream: true,
    handle: async (api) => {
      const { isApplied, hash, problems } = await api.admin.reloadConfig();
      return jsonAnswer({ applied: isApplied, hash, problems: [...problems] });
    },
  }),
  operation({
    id: 'stream_changes',
    method: 'GET',
    path: '/stream',
    summary: 'Stream changes',
    description:
      'Changes of runs, backends, stops and replicas as server-sent events; the name of each is its `kind`. A reader that was cut off sends the last id as `Last-Event-ID`. Where what it missed is no longer known the stream begins with `reset`: lists have to be read anew.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, eventStream(answers.Change), [422]),
    takes: ['Last-Event-ID'],
    handle: async (api, { lastSeen }) => ({ kind: 'events', events: api.admin.watch(lastSeen) }),
  }),
];

/** The API of operators and of their tools: over all tenants, for keys and tokens that have a role. */
export function createAdminProtocol(): Protocol {
  const { ErrorResponse: _, ...schemas } = answers;
  return {
    name: 'admin',
    prefix: '/admin/v1',
    isForOperators: true,
    operations: [...otherOperations, ...runOperations, ...backendOperations],
    about: {
      title: 'rungate admin API',
      version: '1',
      description:
        'What operators see and do, over all tenants. Keys and tokens need a role: `viewer` reads, `operator` acts too. Without auth it is open to this machine alone.',
      error,
      schemas: { ErrorResponse: error, ...schemas },
    },
    encodeError: ({ code, http: _http, detail, path }: GatewayError): Json => {
      const { message, retryable } = errorTable[code];
      return {
        error: {
          ...{ code, message, retryable },
          ...(detail === undefined ? {} : { detail }),
          ...(path === undefined ? {} : { path }),
        },
      };
    },
    encodeRun: () => null,
  };
}
