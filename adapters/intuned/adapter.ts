import { z } from 'zod';
import type { StartRequest } from '../../src/contract/adapter/adapter.ts';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { actOnce, observeRun, refuseOther } from '../call-rules.ts';
import { defineAdapter } from '../define-adapter.ts';
import { fillPath, writePath } from '../path.ts';
import { findUrls, openTarget, optionNames, runConfig, settings, type Target, target } from './settings.ts';
import { findErrorMessage, paths, resultAnswer, sinkCall, startAnswer, usualAttemptSeconds } from './wire.ts';

/** Intuned's Run API. It has no cancel, and a run takes no payload; its webhook sink pushes changes. */
export const intuned = defineAdapter({
  name: 'intuned',
  capabilities: { resume: false, cancel: false, push: true, session: false, adopt: 'push' },
  settings,
  target,
  runConfig,
  urlsOf: findUrls,
  secretsOf: ({ apiKey }) => [apiKey],
  native: { names: ['project', 'api'], openTarget },

  connect({ workspaceId, apiKey }, http) {
    const shared = { headers: { 'x-api-key': apiKey }, errorMessage: findErrorMessage } as const;
    return {
      ownsSink(target, config) {
        const run = runConfig.safeParse(config);
        return run.success && pickOptions(run.data, target).sink !== undefined;
      },

      async start(request) {
        const { body } = await http.call({
          ...shared,
          ...actOnce,
          purpose: 'start',
          method: 'POST',
          path: fillPath(paths.start, { workspaceId, project: request.target.project }),
          body: buildStart(request),
          answer: startAnswer,
        });
        return { upstream: { runId: body.runId } };
      },

      async observe({ project }, { runId }, signal) {
        const { body, raw } = await http.call({
          ...shared,
          ...observeRun,
          purpose: 'observe',
          method: 'GET',
          path: fillPath(paths.result, { workspaceId, project, runId }),
          answer: resultAnswer,
          statusOf: ({ status }) => status,
          signal,
        });
        refuseOther(runId, body.runId);
        return { status: body.status, raw };
      },

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

      adoption: {
        termsOf: (target, config) => ({ lastCallMs: lastCallMs(target, config) }),

        refOfPush(target, body) {
          const call = sinkCall.safeParse(body);
          if (!call.success) return null;
          const { apiInfo, project } = call.data;
          const isOurs = apiInfo.name === target.api && (project === undefined || isNamed(project, target.project));
          return isOurs ? { runId: apiInfo.runId } : null;
        },
      },
    };
  },
});

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
  const run = runConfig.safeParse(config);
  if (!run.success) throw refuse(`the run's config is not valid: ${run.error.issues[0]?.path.join('.')}`);
  const ours: JsonObject = sink === undefined ? {} : { sink: { type: 'webhook', url: sink.url } };
  return {
    ...ours,
    ...(isNative === true ? omitConfigurable(run.data) : {}),
    ...pickOptions(run.data, target),
    api: target.api,
    parameters: isJsonObject(input) ? input : { input },
  };
}

/** What the vendor knows and the adapter does not passes as the client wrote it. */
function omitConfigurable({ configurable: _, ...members }: z.output<typeof runConfig>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null)) as JsonObject;
}

function pickOptions(run: z.output<typeof runConfig>, target: Target): JsonObject {
  const options: Record<string, Json> = {};
  for (const name of optionNames) {
    // Whole options override, not their members: half of two auth sessions makes no third one.
    const value = run[name] ?? run.configurable?.[name] ?? target[name];
    if (value !== undefined && value !== null) options[name] = value as Json;
  }
  return options;
}

/** Nothing was sent, and nothing would be different the next time. */
function refuse(message: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'rejected', kind: 'malformed', message });
}
