import type { Admin } from '../../contract/api/admin.ts';
import type { Operation } from '../../contract/api/protocol.ts';
import type { StopName } from '../../contract/domain/operator.ts';
import { answersOf, done, success } from '../shared/answer-schemas.ts';
import { emptyAnswer, jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { answers } from './answers.ts';
import {
  encodeAgent,
  encodeBackend,
  encodeCap,
  encodeQueue,
  encodeReplica,
  encodeSchedule,
  encodeStop,
  encodeTrial,
} from './encode.ts';
import { mappingTrial, nameParams, pause, replicaParams, stop, stopParams } from './requests.ts';

const error = answers.ErrorResponse;

/** Backends, queues, replicas, agents, and what is stopped. */
export const backendOperations: readonly Operation[] = [
  operation({
    id: 'list_backends',
    method: 'GET',
    path: '/backends',
    summary: 'List backends',
    description:
      'How each backend is and since when, its last fault in the words of the vendor, its calls of the last five minutes, its budget and its queue, as the replica that answers sees them.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.BackendList), []),
    handle: async (api) => jsonAnswer({ backends: (await api.admin.backends()).map(encodeBackend) }),
  }),
  operation({
    id: 'get_backend',
    method: 'GET',
    path: '/backends/:name',
    summary: 'Show a backend',
    description: 'One backend, as in the list.',
    params: nameParams,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.Backend), [404, 422]),
    handle: async (api, { params }) => jsonAnswer(encodeBackend(await api.admin.backend(params.name))),
  }),
  operation({
    id: 'pause_backend',
    method: 'POST',
    path: '/backends/:name/pause',
    summary: 'Start nothing at a backend',
    description:
      'The same as stopping it: runs for it stay queued, over all replicas and restarts, until it is resumed. What the vendor has already goes on.',
    params: nameParams,
    query: nothing,
    body: pause,
    answers: answersOf(error, success(answers.Backend), [404, 422]),
    handle: async ({ admin }, { params: { name }, body: { reason } }) => {
      await admin.stop({ kind: 'backend', name }, reason);
      return jsonAnswer(encodeBackend(await admin.backend(name)));
    },
  }),
  operation({
    id: 'resume_backend',
    method: 'POST',
    path: '/backends/:name/resume',
    summary: 'Start runs at a backend again',
    description: 'Lifts the stop of the backend; 404 where there is none.',
    params: nameParams,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.Backend), [404, 422]),
    handle: async ({ admin }, { params: { name } }) => {
      await admin.lift({ kind: 'backend', name });
      return jsonAnswer(encodeBackend(await admin.backend(name)));
    },
  }),
  operation({
    id: 'probe_backend',
    method: 'POST',
    path: '/backends/:name/probe',
    summary: 'Try a backend now',
    description:
      'The next call goes at once, whatever pause the vendor asked for and however long the circuit is open, and up to 200 runs that wait for the vendor are polled. The answer has the state before the result is known.',
    params: nameParams,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.Backend), [404, 422]),
    handle: async (api, { params }) => jsonAnswer(encodeBackend(await api.admin.probeBackend(params.name))),
  }),
  operation({
    id: 'list_queues',
    method: 'GET',
    path: '/queues',
    summary: 'List queues',
    description: 'Runs that wait for their start, by backend, over all replicas.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.QueueList), []),
    countsAsStream: true,
    handle: async (api) => jsonAnswer({ queues: (await api.admin.queues()).map(encodeQueue) }),
  }),
  operation({
    id: 'list_replicas',
    method: 'GET',
    path: '/replicas',
    summary: 'List replicas',
    description: 'The processes on the database: version, config, heartbeat, and how many runs each owns.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.ReplicaList), []),
    countsAsStream: true,
    handle: async (api) => jsonAnswer({ replicas: (await api.admin.replicas()).map(encodeReplica) }),
  }),
  drainOperation('drain', true),
  drainOperation('undrain', false),
  operation({
    id: 'list_agents',
    method: 'GET',
    path: '/agents',
    summary: 'List agents',
    description: 'The agents of the config with their schemas, backends and capabilities.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.AgentList), []),
    handle: async (api) => jsonAnswer({ agents: api.admin.agents().map(encodeAgent) }),
  }),
  operation({
    id: 'list_schedules',
    method: 'GET',
    path: '/schedules',
    summary: 'List schedules',
    description:
      'The schedules of the config: when each comes next, and what became of its last time, whichever replica decided it. `outcome` is `started`, `overlapped`, `missed`, `refused` or `disabled`; `detail` says why no run was made.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.ScheduleList), []),
    handle: async (api) => jsonAnswer({ schedules: (await api.admin.schedules()).map(encodeSchedule) }),
  }),
  operation({
    id: 'list_caps',
    method: 'GET',
    path: '/caps',
    summary: 'List caps',
    description:
      'The caps of the config with what runs have used of them in the last hour and the last day, over all replicas. `reserved` is what runs under way count as until their cost is known; `reached` is the limit that leaves no room for a run now.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.CapList), []),
    handle: async (api) => jsonAnswer({ caps: (await api.admin.caps()).map(encodeCap) }),
  }),
  operation({
    id: 'try_mapping',
    method: 'POST',
    path: '/mappings:try',
    summary: "Try a mapping on a vendor's answer",
    description:
      'What the mapping of the agent makes of an answer, with other parts laid over it. Changes nothing. `problems` say why parts are refused, or an expression fails.',
    params: nothing,
    query: nothing,
    body: mappingTrial,
    answers: answersOf(error, success(answers.MappingTrial), [404, 422]),
    countsAsStream: true,
    handle: async (api, { body: { agent, status, raw, mapping: part } }) =>
      jsonAnswer(encodeTrial(await api.admin.tryMapping({ agent, status, raw, part }))),
  }),
  operation({
    id: 'list_stops',
    method: 'GET',
    path: '/stops',
    summary: 'List what is stopped',
    description: 'Agents, backends and tenants of which nothing is started, with who stopped them and why.',
    params: nothing,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.StopList), []),
    handle: async (api) => jsonAnswer({ stops: (await api.admin.stops()).map(encodeStop) }),
  }),
  operation({
    id: 'put_stop',
    method: 'POST',
    path: '/stops',
    summary: 'Stop an agent, a backend or a tenant',
    description:
      'Nothing of it is started from now on, by the replica that answers at once and by the others within seconds, also after restarts. Its runs stay queued and say so. What the vendor has already goes on.',
    params: nothing,
    query: nothing,
    body: stop,
    answers: answersOf(error, success(answers.Stop), [404, 422]),
    handle: async (api, { body: { kind, name, reason } }) =>
      jsonAnswer(encodeStop(await api.admin.stop({ kind, name }, reason))),
  }),
  operation({
    id: 'lift_stop',
    method: 'DELETE',
    path: '/stops/:kind/:name',
    summary: 'Lift a stop',
    description: 'Queued runs start again as their limits allow.',
    params: stopParams,
    query: nothing,
    body: noBody,
    answers: answersOf(error, done, [404, 422]),
    handle: async (api, { params }) => {
      await api.admin.lift(params satisfies StopName);
      return emptyAnswer;
    },
  }),
];

function drainOperation(verb: 'drain' | 'undrain', shouldDrain: Parameters<Admin['setDrain']>[1]): Operation {
  return operation({
    id: `${verb}_replica`,
    method: 'POST',
    path: `/replicas/:replica/${verb}`,
    summary: shouldDrain ? 'Drain a replica' : 'End the drain of a replica',
    description: shouldDrain
      ? 'The replica takes no new runs (503), says so in its readiness, and claims none; what it has goes on. It may be any replica, and learns of it within seconds.'
      : 'The replica takes runs again.',
    params: replicaParams,
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.Replica), [404, 422]),
    handle: async (api, { params }) => jsonAnswer(encodeReplica(await api.admin.setDrain(params.replica, shouldDrain))),
  });
}
