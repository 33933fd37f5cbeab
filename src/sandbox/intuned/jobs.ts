import { z } from 'zod';
import type { JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { findScript } from '../agents.ts';
import type { Ids } from '../ids.ts';
import type { RunTable } from '../run-table.ts';
import type { Reply } from '../wire-host.ts';
import { describe, fail } from './errors.ts';
import { encodeJob, encodeJobResults, encodeJobRun, encodeListedJob, type Job } from './job-answers.ts';
import type { Project } from './runs.ts';

const object = z.custom<JsonObject>(isJsonObject, 'must be an object');
const jobBody = z.looseObject({
  id: z.string().min(1),
  payload: z.array(z.looseObject({ apiName: z.string().min(1), parameters: object })).min(1),
  configuration: object,
});

/** Jobs beyond this number replace the oldest. */
const maxJobs = 1_000;
/** Job runs that a list remembers of one job. */
const maxListed = 100;

export type JobsDeps = { readonly runs: RunTable; readonly ids: Ids };

/**
 * Jobs and their runs. Each agent of the sandbox is the API of a job of the same name, so that there are jobs without
 * creating some; a job of the caller's own has its parameters, of which the first runs for all.
 */
export function intunedJobs({ runs, ids }: JobsDeps) {
  const created = new Map<string, Job>();
  const listed = new Map<string, string[]>();

  function find(place: Project, id: string): Job | null {
    const own = created.get(keyOf(place, id));
    if (own !== undefined) return own;
    if (findScript('api', id) === null) return null;
    return {
      ...place,
      id,
      payload: [{ apiName: id, parameters: {} }],
      configuration: {},
      createdAtMs: 0,
      isPaused: false,
    };
  }

  function keep(job: Job): void {
    created.set(keyOf(job, job.id), job);
    const [oldest] = created.keys();
    if (created.size > maxJobs && oldest !== undefined) created.delete(oldest);
  }

  function write(place: Project, body: unknown): { readonly job: Job } | { readonly refusal: Reply } {
    const parsed = jobBody.safeParse(body);
    if (!parsed.success) return { refusal: fail(400, describe(parsed.error)) };
    const { id, payload, configuration } = parsed.data;
    const unknown = payload.find(({ apiName }) => findScript('api', apiName) === null);
    if (unknown !== undefined) return { refusal: fail(404, `the project has no API ${unknown.apiName}`) };
    const job = { ...place, id, payload, configuration, createdAtMs: runs.nowMs, isPaused: false };
    keep(job);
    return { job };
  }

  function withJob(place: Project, id: string, use: (job: Job) => Reply): Reply {
    const job = find(place, id);
    return job === null ? fail(404, `job ${id} not found`) : use(job);
  }

  function setPaused(place: Project, id: string, isPaused: boolean): Reply {
    return withJob(place, id, (job) => {
      keep({ ...job, isPaused });
      return { status: 200, body: { message: isPaused ? 'Paused' : 'Resumed' } };
    });
  }

  function trigger(place: Project, id: string): Reply {
    return withJob(place, id, (job) => {
      const [{ apiName, parameters }] = job.payload as [Job['payload'][number]];
      const script = findScript('api', apiName);
      if (script === null) return fail(404, `the project has no API ${apiName}`);
      const order = { vendor: 'intuned', scope: keyOf(place, id), agent: apiName, script } as const;
      const { run, fault } = runs.start({ ...order, input: parameters, runId: ids.uuid(), groupId: '' });
      if (run === null) return { ...fail(500, 'not started'), fault };
      listed.set(keyOf(place, id), [run.runId, ...(listed.get(keyOf(place, id)) ?? [])].slice(0, maxListed));
      return { status: 200, body: { jobRunId: run.runId, message: 'Job triggered' }, fault };
    });
  }

  return {
    create: (place: Project, body: unknown): Reply => {
      const written = write(place, body);
      return 'job' in written ? { status: 201, body: { id: written.job.id, message: 'created' } } : written.refusal;
    },
    list: ({ workspaceId, project }: Project): Reply => {
      const own = [...created.values()].filter((job) => job.workspaceId === workspaceId && job.project === project);
      return { status: 200, body: own.map(encodeListedJob) };
    },
    get: (place: Project, id: string): Reply => withJob(place, id, (job) => ({ status: 200, body: encodeJob(job) })),
    update: (place: Project, id: string, body: unknown): Reply =>
      withJob(place, id, () => {
        const written = write(place, isJsonObject(body) ? { ...body, id } : body);
        return 'job' in written ? { status: 200, body: { id, message: 'updated job successfully' } } : written.refusal;
      }),
    remove: (place: Project, id: string): Reply =>
      created.delete(keyOf(place, id)) ? { status: 204, body: null } : fail(404, `job ${id} not found`),
    pause: (place: Project, id: string): Reply => setPaused(place, id, true),
    resume: (place: Project, id: string): Reply => setPaused(place, id, false),
    trigger,
    listRuns: (place: Project, id: string): Reply =>
      withJob(place, id, (job) => {
        const found = (listed.get(keyOf(place, id)) ?? []).flatMap((runId) => {
          const run = runs.find('intuned', keyOf(place, id), runId);
          const answer = run === null ? null : encodeJobRun(run, runs.view(run), job);
          return answer === null ? [] : [answer];
        });
        return { status: 200, body: { jobRuns: found, totalCount: found.length } };
      }),
    observe: (place: Project, id: string, runId: string): Reply =>
      withJob(place, id, (job) => {
        const run = runs.find('intuned', keyOf(place, id), runId);
        if (run === null) return fail(404, 'job run not found');
        const { view, fault } = runs.observe(run);
        const jobRun = encodeJobRun(run, view, job);
        if (jobRun === null) return { ...fail(404, 'job run not found'), fault };
        return { status: 200, body: { jobRun, ...encodeJobResults(run, view) }, fault };
      }),
    terminate: (place: Project, id: string, runId: string): Reply => {
      const run = runs.find('intuned', keyOf(place, id), runId);
      if (run === null) return fail(404, 'job run not found');
      return runs.cancel(run, 'user-request', 'the job run was terminated by its user')
        ? { status: 200, body: { message: 'Job run terminated' } }
        : fail(409, 'the job run is over');
    },
  };
}

function keyOf({ workspaceId, project }: Project, id: string): string {
  return `${workspaceId}\n${project}\njob ${id}`;
}
