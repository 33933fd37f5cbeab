import { z } from 'zod';
import type { StartAnswer, StartRequest } from '../../src/contract/adapter/adapter.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { defineAdapter } from '../define-adapter.ts';
import { writePath } from '../path.ts';
import { reachJobs } from './jobs.ts';
import { runConfig } from './options.ts';
import { ownsSink, reachRuns, runAdoption } from './runs.ts';
import { openTarget, settings, type Target, target } from './settings.ts';
import { findAllUrls, findUrls } from './urls.ts';
import { reachWebTasks } from './web-tasks.ts';
import { findErrorMessage, judgeStartFault, type Reach, refuse } from './wire.ts';

/**
 * Intuned: runs of an API, whose webhook sink pushes changes; runs of a job, which can be terminated; and web tasks. None
 * takes a payload.
 */
export const intuned = defineAdapter({
  name: 'intuned',
  capabilities: { resume: false, cancel: true, push: true, session: false, adopt: 'push' },
  settings,
  target,
  runConfig,
  capabilitiesOf: ({ job, webTask }) => {
    const isApi = job === undefined && webTask === undefined;
    return { cancel: job !== undefined, push: isApi, adopt: isApi ? 'push' : 'none' };
  },
  mappingOf: ({ job, webTask }) =>
    job !== undefined ? 'intuned-job' : webTask !== undefined ? 'intuned-web-task' : 'intuned',
  urlsOf: findUrls,
  secretsOf: ({ apiKey }) => [apiKey],
  native: { names: ['project', 'api'], openTarget, urlsOf: findAllUrls },

  connect({ workspaceId, apiKey }, http) {
    const shared = { headers: { 'x-api-key': apiKey }, errorMessage: findErrorMessage } as const;
    const reach: Reach = { http, workspaceId, shared };
    const [runs, jobs, webTasks] = [reachRuns(reach), reachJobs(reach), reachWebTasks(reach)];
    const callsOf = ({ job, webTask }: Target) => (job !== undefined ? jobs : webTask !== undefined ? webTasks : runs);
    return {
      ownsSink,
      adoption: runAdoption,

      start: (request: StartRequest<Target>) => callsOf(request.target).start(request).then(answerOf, refuseStart),

      observe: (target, upstream, signal) => callsOf(target).observe(target, upstream, signal),

      native: {
        serves: (place) => place.workspaceId === workspaceId,
        pass: ({ method, path, query, body }) =>
          http.call({
            ...shared,
            ...(method === 'GET' ? { retry: 'safe' } : { retry: 'at-most-once' }),
            purpose: 'passthrough',
            method,
            path: writePath([workspaceId, ...path], query),
            ...(body === undefined ? {} : { body }),
            answer: z.unknown(),
            readsBody: true,
          }),
      },

      async cancel(target, upstream) {
        if (target.job === undefined) throw refuse('only the run of a job can be terminated');
        await jobs.cancel(target, upstream);
      },
    };
  },
});

function answerOf(upstream: UpstreamRef): StartAnswer {
  return { upstream };
}

function refuseStart(error: unknown): never {
  throw judgeStartFault(error);
}
