import type { Api } from '../../contract/api/api.ts';
import type { Answer, Decoded, Operation } from '../../contract/api/protocol.ts';
import type { CreateRun } from '../../contract/api/runs.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run, RunRequest, WebhookTerms } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { answersOf } from '../shared/answer-schemas.ts';
import { runAnswerer } from '../shared/answers.ts';
import { findNativeAgent } from '../shared/native-agent.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, uuid } from '../shared/requests.ts';
import { encodeResult } from './encode.ts';
import { awaitStart, refusalOf } from './held-start.ts';
import { answers, projectParams, runParams, type StartBody, startBody, type WebhookSink } from './schemas.ts';

/** The protocol's name, kept as the origin of its runs, and that of the adapter behind it. */
export const intuned = 'intuned';

type Project = { readonly workspaceId: string; readonly projectName: string };

/** The two operations of the vendor's Run API, which make runs of the gateway. */
export function createRunOperations(): readonly Operation[] {
  const resultAnswer = runAnswerer(encodeResult);
  return [
    operation({
      id: 'start_run',
      method: 'POST',
      path: '/:workspaceId/projects/:projectName/run/start',
      summary: 'Start a run',
      description:
        'Starts a run of the agent whose target is this project and API, else of an agent with `passthrough`. The answer comes once the run is stored, or, with `startRefusal: hold`, once the vendor has answered, after two seconds at most. A request that is sent again with the same `Idempotency-Key` gets the run of the first one. A webhook sink is called by the gateway; an S3 sink passes on.',
      params: projectParams,
      query: nothing,
      body: startBody,
      takes: ['Idempotency-Key'],
      answers: answersOf(
        answers.Error,
        { 201: { description: 'The run is stored', schema: answers.RunStarted } },
        [404, 409, 422],
      ),
      handle: async (api, request) => {
        const { command, holdsStarts } = decodeStart(api, request);
        const { run, replayed } = await api.runs.create(command);
        if (holdsStarts) {
          const refusal = refusalOf(await awaitStart(api, run, request.signal), request.requestId);
          if (refusal !== null) return { ...refusal, replayed };
        }
        const body = { runId: run.runId, status: 'pending' };
        return { kind: 'json', status: 201, body, replayed, waiting: run.waiting };
      },
    }),
    operation({
      id: 'get_run_result',
      method: 'GET',
      path: '/:workspaceId/projects/:projectName/run/:run_id/result',
      summary: 'Get the result of a run',
      description:
        'Returns the run as it is now, in the words of the vendor. The vendor is asked more often for a run whose result was asked for within the last seconds.',
      params: runParams,
      query: nothing,
      body: noBody,
      answers: answersOf(answers.Error, { 200: { description: 'Success', schema: answers.RunResult } }, [404]),
      handle: async (api, { params, tenant }): Promise<Answer> => {
        const { data: runId } = uuid.safeParse(params.run_id);
        if (runId === undefined) throw new GatewayError('run_not_found');
        const run = await api.runs.poll({ tenant, runId });
        if (!belongs(api, run, params)) throw new GatewayError('run_not_found');
        return resultAnswer(run);
      },
    }),
  ];
}

type Start = { readonly command: CreateRun; readonly holdsStarts: boolean };

function decodeStart(api: Api, request: Decoded<Project, unknown, StartBody>): Start {
  const { params, body, tenant, idempotencyKey } = request;
  const { workspaceId, projectName: project } = params;
  const { api: name, parameters, sink, ...options } = body;
  const place = { workspaceId };
  const { agent, target } = findNativeAgent(api, { tenant, vendor: intuned, place, named: { project, api: name } });
  const webhook = sink?.type === 'webhook' ? decodeSink(sink, name) : {};
  const config = (sink?.type === 's3' ? { ...options, sink } : options) as JsonObject;
  return {
    holdsStarts: agent.native?.holdsStarts === true,
    command: {
      tenant,
      agent: agent.agentId,
      idempotencyKey,
      request: {
        ...webhook,
        input: parameters,
        config,
        native: { target },
        origin: { protocol: intuned, extra: { workspaceId, project, api: name } },
      },
    },
  };
}

/** The vendor would call the sink with an id that the client does not know: the gateway does, with its own. */
function decodeSink(
  { url, headers, skipOnFail, apisToSend }: WebhookSink,
  api: string,
): Pick<RunRequest, 'webhook' | 'webhookTerms'> {
  if (apisToSend?.includes(api) === false) return {};
  const only: WebhookTerms['only'] = skipOnFail === true ? 'success' : 'end';
  const named = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  return {
    webhook: url,
    webhookTerms: { only, ...(named.length === 0 ? {} : { headers: Object.fromEntries(named) }) },
  };
}

/** Whether the run is one of this project, in whatever protocol it was made. */
function belongs(api: Api, { tenant, agentId, request }: Run, { workspaceId, projectName }: Project): boolean {
  const { protocol, extra } = request.origin ?? {};
  if (protocol === intuned && extra?.workspaceId === workspaceId) return extra.project === projectName;
  const [agent] = api.agents
    .search({ limit: Number.MAX_SAFE_INTEGER, offset: 0 })
    .filter((each) => each.agentId === agentId);
  if (agent?.native?.vendor !== intuned || !agent.native.serves(tenant, { workspaceId })) return false;
  const project = protocol === intuned ? extra?.project : isJsonObject(agent.target) ? agent.target.project : undefined;
  return project === projectName;
}
