import type { Operation } from '../../contract/api/protocol.ts';
import { answersOf, done, success } from '../shared/answer-schemas.ts';
import { emptyAnswer, jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, runParams } from '../shared/requests.ts';
import { answers } from './answers.ts';
import { encodeBulk, encodePage, encodeReport, encodeTotals } from './encode.ts';
import {
  answerOfRun,
  bulk,
  commandOf,
  manualRun,
  nameParams,
  reveal,
  runCount,
  runList,
  selectionOf,
} from './requests.ts';

const error = answers.ErrorResponse;

/** Runs over all tenants: found, counted, shown, cancelled and replayed. */
export const runOperations: readonly Operation[] = [
  operation({
    id: 'list_runs',
    method: 'GET',
    path: '/runs',
    summary: 'List runs of all tenants',
    description:
      'Runs that match every parameter, newest first. A page looks at a bounded number of runs: it may have fewer than `limit`, or none, and still a `next_cursor`, which asks for what follows. With `run_id`, up to 100 of them separated by commas, those of these runs that match, however old, on one page.',
    params: nothing,
    query: runList,
    body: noBody,
    answers: answersOf(error, success(answers.RunList), [404, 422]),
    countsAsStream: true,
    handle: async (api, { query: { limit, cursor = null, run_id: runIds, ...filter } }) =>
      jsonAnswer(encodePage(await api.admin.findRuns({ ...selectionOf(filter), runIds, limit, cursor }))),
  }),
  operation({
    id: 'count_runs',
    method: 'GET',
    path: '/runs:count',
    summary: 'Count runs of all tenants',
    description:
      'How many runs match, by phase, status, backend, agent and tenant. `complete` is false where there are more than are looked at.',
    params: nothing,
    query: runCount,
    body: noBody,
    answers: answersOf(error, success(answers.Totals), [404, 422]),
    countsAsStream: true,
    handle: async (api, { query }) => jsonAnswer(encodeTotals(await api.admin.countRuns(selectionOf(query)))),
  }),
  operation({
    id: 'get_run',
    method: 'GET',
    path: '/runs/:run_id',
    summary: 'Show a run with its timeline',
    description:
      "What happened to the run and when, what the vendor calls it, and what is kept of the vendor's answer. Inputs and outputs are hidden unless `reveal=input,output` asks for them, which takes the role `operator` and is logged.",
    params: runParams,
    query: reveal,
    body: noBody,
    answers: answersOf(error, success(answers.RunReport), [404, 422]),
    countsAsStream: true,
    handle: async (api, { params, query }) =>
      jsonAnswer(encodeReport(await api.admin.findRun(params.run_id, query.reveal ?? []))),
  }),
  operation({
    id: 'cancel_runs',
    method: 'POST',
    path: '/runs:cancel',
    summary: 'Cancel runs',
    description:
      'Cancels live runs by their ids or by a filter, at most `max`. With `dry_run` nothing is cancelled, and the answer has how many would be.',
    params: nothing,
    query: nothing,
    body: bulk,
    answers: answersOf(error, success(answers.BulkOutcome), [404, 422]),
    countsAsStream: true,
    handle: async (api, { body }) => jsonAnswer(encodeBulk(await api.admin.cancelRuns(commandOf(body)))),
  }),
  operation({
    id: 'replay_runs',
    method: 'POST',
    path: '/runs:replay',
    summary: 'Run again what has ended',
    description:
      'Creates new runs with the requests of runs that have ended, by their ids or by a filter, at most `max`. Each new run has `replay_of` in its metadata. Runs of threads are refused: their state has gone on. With `dry_run` nothing is created.',
    params: nothing,
    query: nothing,
    body: bulk,
    answers: answersOf(error, success(answers.BulkOutcome), [404, 422]),
    countsAsStream: true,
    handle: async (api, { body }) => jsonAnswer(encodeBulk(await api.admin.replayRuns(commandOf(body)))),
  }),
  operation({
    id: 'start_run',
    method: 'POST',
    path: '/agents/:name/runs',
    summary: 'Start a run by hand',
    description:
      'Creates a run of the agent for the tenant, by default that of the key. Its metadata has `started_by`, the name of who started it.',
    params: nameParams,
    query: nothing,
    body: manualRun,
    answers: answersOf(error, success(answers.StartedRun), [404, 422]),
    handle: async (api, { params, body: { input, config, tenant = null } }) =>
      jsonAnswer({ run_id: await api.admin.startRun({ agent: params.name, tenant, input, config }) }),
  }),
  operation({
    id: 'resume_run',
    method: 'POST',
    path: '/runs/:run_id/resume',
    summary: 'Answer an interrupted run',
    description: 'Resumes the run with what it asks for. The timeline of the run says who answered.',
    params: runParams,
    query: nothing,
    body: answerOfRun,
    answers: answersOf(error, done, [404, 409, 422]),
    handle: async (api, { params, body }) => {
      await api.admin.resumeRun(params.run_id, body.payload);
      return emptyAnswer;
    },
  }),
];
