import type { AdoptionCalls, Observation, StartRequest } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { actOnce, observeRun, refuseOther } from '../call-rules.ts';
import { fillPath } from '../path.ts';
import { optionNames, type RunConfig, runConfig } from './options.ts';
import type { Target } from './settings.ts';
import {
  paths,
  type Reach,
  readConfig,
  refuse,
  resultAnswer,
  sinkCall,
  startAnswer,
  usualAttemptSeconds,
} from './wire.ts';

/** Runs of an API of a project, which have no cancel. */
export function reachRuns({ http, workspaceId, shared }: Reach) {
  const start = { ...shared, ...actOnce, purpose: 'start', method: 'POST', answer: startAnswer } as const;
  const statusOf = ({ status }: { readonly status: string }) => status;
  const look = { ...shared, ...observeRun, purpose: 'observe', method: 'GET', answer: resultAnswer, statusOf } as const;
  return {
    async start(request: StartRequest<Target>): Promise<UpstreamRef> {
      const { body } = await http.call({
        ...start,
        path: fillPath(paths.startRun, { workspaceId, project: request.target.project }),
        body: buildStart(request),
      });
      return { runId: body.runId };
    },

    async observe({ project }: Target, { runId }: UpstreamRef, signal?: AbortSignal): Promise<Observation> {
      const { body, raw } = await http.call({
        ...look,
        path: fillPath(paths.getRun, { workspaceId, project, runId }),
        signal,
      });
      refuseOther(runId, body.runId);
      return { status: body.status, raw };
    },
  };
}

/** The call to our sink names the run, for a start whose answer was lost. */
export const runAdoption: AdoptionCalls<Target> = {
  termsOf: (target, config) => ({ lastCallMs: lastCallMs(target, config) }),

  refOfPush(target, body) {
    const call = sinkCall.safeParse(body);
    if (!call.success || target.project === undefined) return null;
    const { apiInfo, project } = call.data;
    const isOurs = apiInfo.name === target.api && (project === undefined || isNamed(project, target.project));
    return isOurs ? { runId: apiInfo.runId } : null;
  },
};

/** Whether the run sends the vendor's calls elsewhere. */
export function ownsSink(target: Target, config: JsonObject): boolean {
  const run = runConfig.safeParse(config);
  return run.success && pickOptions(run.data, target).sink !== undefined;
}

function isNamed({ id, name }: { readonly id?: string; readonly name?: string }, project: string): boolean {
  return (id === undefined && name === undefined) || id === project || name === project;
}

/** The sink is called once the run has ended, after all its attempts, and for an hour if we do not answer. */
function lastCallMs(target: Target, config: JsonObject): number {
  const run = runConfig.safeParse(config);
  const { requestTimeout, retry } = run.success ? pickOptions(run.data, target) : {};
  const attempts = isJsonObject(retry) && typeof retry.maximumAttempts === 'number' ? retry.maximumAttempts : 1;
  const attemptSeconds = typeof requestTimeout === 'number' ? requestTimeout : usualAttemptSeconds;
  return (attemptSeconds * attempts + 3600) * 1000;
}

/** The vendor takes an object of parameters: any other input is its parameter `input`. */
function buildStart({ target, input, config, sink, isNative }: StartRequest<Target>): JsonObject {
  const { api } = target;
  if (api === undefined) throw refuse('the target names no api');
  const run = readConfig(config);
  const ours: JsonObject = sink === undefined ? {} : { sink: { type: 'webhook', url: sink.url } };
  const parameters = isJsonObject(input) ? input : { input };
  const own = isNative === true ? omitConfigurable(run) : {};
  return { ...ours, ...own, ...pickOptions(run, target), api, parameters };
}

/** What the vendor knows and the adapter does not passes as the client wrote it. */
function omitConfigurable({ configurable: _, ...members }: RunConfig): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null)) as JsonObject;
}

function pickOptions(run: RunConfig, target: Target): JsonObject {
  const options: Record<string, Json> = {};
  for (const name of optionNames) {
    // Whole options override, not their members: half of two auth sessions makes no third one.
    const value = run[name] ?? run.configurable?.[name] ?? target[name];
    if (value !== undefined && value !== null) options[name] = value as Json;
  }
  return options;
}

/** Refuses options that runs of an API have, and that nothing at the target reads. */
export function refuseRunOptions(run: RunConfig, kind: string): void {
  const name = optionNames.find((each) => (run[each] ?? run.configurable?.[each] ?? null) !== null);
  if (name !== undefined) throw refuse(`the run's config has ${name}, which ${kind} does not take`);
}
