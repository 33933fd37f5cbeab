import { z } from 'zod';
import type { Observation, StartRequest } from '../../src/contract/adapter/adapter.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { actOnce, endRun, observeRun, refuseOther } from '../call-rules.ts';
import { fillPath } from '../path.ts';
import { refuseRunOptions } from './runs.ts';
import type { Target } from './settings.ts';
import { jobRunAnswer, paths, type Reach, readConfig, refuse, triggerAnswer } from './wire.ts';

/** Runs of a job, which the vendor can terminate. What they do is written in the job. */
export function reachJobs({ http, workspaceId, shared }: Reach) {
  const place = ({ project, job }: Target, runId?: string) => ({ workspaceId, project, job, runId });
  return {
    async start({ target, input, config }: StartRequest<Target>): Promise<UpstreamRef> {
      if (!isNothing(input)) throw refuse('the job has its own parameters and takes no input');
      refuseRunOptions(readConfig(config), 'a job');
      const { body } = await http.call({
        ...shared,
        ...actOnce,
        purpose: 'start',
        method: 'POST',
        path: fillPath(paths.triggerJob, place(target)),
        answer: triggerAnswer,
      });
      return { runId: body.jobRunId };
    },

    async observe(target: Target, { runId }: UpstreamRef, signal?: AbortSignal): Promise<Observation> {
      const { body, raw } = await http.call({
        ...shared,
        ...observeRun,
        purpose: 'observe',
        method: 'GET',
        path: fillPath(paths.getJobRun, place(target, runId)),
        answer: jobRunAnswer,
        statusOf: ({ jobRun }) => jobRun.status,
        signal,
      });
      refuseOther(runId, body.jobRun.id);
      return { status: body.jobRun.status, raw };
    },

    async cancel(target: Target, { runId }: UpstreamRef): Promise<void> {
      const path = fillPath(paths.terminateJobRun, place(target, runId));
      await http.call({ ...shared, ...endRun, purpose: 'cancel', method: 'POST', path, answer: z.unknown() });
    },
  };
}

function isNothing(input: Json): boolean {
  return input === null || (isJsonObject(input) && Object.keys(input).length === 0);
}
