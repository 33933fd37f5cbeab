import type { Observation, StartRequest } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { actOnce, observeRun, refuseOther } from '../call-rules.ts';
import { fillPath } from '../path.ts';
import { type RunConfig, webTaskOptionNames } from './options.ts';
import { refuseRunOptions } from './runs.ts';
import type { Target } from './settings.ts';
import { paths, type Reach, readConfig, refuse, webTaskAnswer, webTaskStartAnswer } from './wire.ts';

/** Tasks in plain words, which belong to the workspace and have no cancel. */
export function reachWebTasks({ http, workspaceId, shared }: Reach) {
  return {
    async start(request: StartRequest<Target>): Promise<UpstreamRef> {
      const { body } = await http.call({
        ...shared,
        ...actOnce,
        purpose: 'start',
        method: 'POST',
        path: fillPath(paths.startWebTask, { workspaceId }),
        body: buildTask(request),
        answer: webTaskStartAnswer,
      });
      return { runId: body.webTaskId };
    },

    async observe(_target: Target, { runId }: UpstreamRef, signal?: AbortSignal): Promise<Observation> {
      const { body, raw } = await http.call({
        ...shared,
        ...observeRun,
        purpose: 'observe',
        method: 'GET',
        path: fillPath(paths.getWebTask, { workspaceId, runId }),
        answer: webTaskAnswer,
        statusOf: ({ status }) => status,
        signal,
      });
      refuseOther(runId, body.webTaskId);
      return { status: body.status, raw };
    },
  };
}

function buildTask({ target, input, config }: StartRequest<Target>): JsonObject {
  const run = readConfig(config);
  refuseRunOptions(run, 'a web task');
  return { ...pickOptions(run, target), ...readTask(target.webTask?.task, input) };
}

/** The task of the target with the input as its parameters; without one, the task is in the input. */
function readTask(task: string | undefined, input: Json): JsonObject {
  if (task !== undefined) return { task, parameters: isJsonObject(input) ? input : { input } };
  if (typeof input === 'string' && input !== '') return { task: input };
  const { task: asked, ...parameters } = isJsonObject(input) ? input : {};
  if (typeof asked !== 'string' || asked === '')
    throw refuse('the input is no task: a text, or an object with one as its task');
  return Object.keys(parameters).length === 0 ? { task: asked } : { task: asked, parameters };
}

function pickOptions({ webTask, configurable }: RunConfig, target: Target): JsonObject {
  const options: Record<string, Json> = {};
  for (const name of webTaskOptionNames) {
    const value = webTask?.[name] ?? configurable?.webTask?.[name] ?? target.webTask?.[name];
    if (value !== undefined && value !== null) options[name] = value as Json;
  }
  return options;
}
