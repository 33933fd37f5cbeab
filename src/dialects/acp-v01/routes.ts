import { type Answer, type Operation, operation } from '../../contract/dialect.ts';
import type { Json } from '../../contract/json.ts';
import type { Run, RunRequest } from '../../contract/run.ts';
import type { RunQuery } from '../../contract/store.ts';
import type { Creation, UseCases } from '../../contract/use-cases.ts';
import { encodeAgent, encodeDescriptor, type Features } from './descriptor.ts';
import { encodeEvent, encodeOutput, encodeRun } from './encode.ts';
import { isUuid, type RunCreate, type Schemas } from './schemas.ts';

/** The route matrix of ACP 0.1 (seed 003; agents after the protocol's own document). */
export function createOperations(schemas: Schemas, features: Features): readonly Operation[] {
  const { nothing, noBody, runParams, agentParams } = schemas;
  return [
    operation({
      id: 'search_runs',
      method: 'POST',
      path: '/runs/search',
      summary: 'Search Runs',
      params: nothing,
      query: nothing,
      body: schemas.runSearch,
      handle: async (use, { body: { agent_id, ...filter }, tenant }) => {
        const agentId = agent_id === undefined ? undefined : findAgentId(use, agent_id);
        // A name that no agent has: no run can be its run.
        if (agentId === null) return json([]);
        const query: RunQuery = { ...filter, tenant, agentId };
        return json((await use.searchRuns(query)).map(encodeRun));
      },
    }),
    operation({
      id: 'create_run',
      method: 'POST',
      path: '/runs',
      summary: 'Create Background Run',
      params: nothing,
      query: nothing,
      body: schemas.runCreate,
      handle: async (use, { body, tenant, idempotencyKey }) => {
        const command = { tenant, agent: body.agent_id, request: decodeRequest(body), idempotencyKey };
        return creationAnswer(await use.createRun(command));
      },
    }),
    operation({
      id: 'get_run',
      method: 'GET',
      path: '/runs/:run_id',
      summary: 'Get a previously created Run',
      params: runParams,
      query: nothing,
      body: noBody,
      handle: async (use, { params, tenant }) => json(encodeRun(await use.getRun({ tenant, runId: params.run_id }))),
    }),
    operation({
      id: 'get_run_output',
      method: 'GET',
      path: '/runs/:run_id/output',
      summary: 'Retrieve last output of a run if available',
      params: runParams,
      query: schemas.outputQuery,
      body: noBody,
      handle: async (use, request) => {
        const key = { tenant: request.tenant, runId: request.params.run_id };
        const blockMs = (request.query.block_timeout ?? 0) * 1000;
        // The signal costs something to make; a call that does not wait has no use for it.
        return outputAnswer(blockMs === 0 ? await use.getRun(key) : await use.awaitRun(key, blockMs, request.signal));
      },
    }),
    operation({
      id: 'get_run_stream',
      method: 'GET',
      path: '/runs/:run_id/stream',
      summary: 'Stream the run output',
      params: runParams,
      query: nothing,
      body: noBody,
      handle: async (use, { params, tenant, afterSeq }) => {
        const runId = params.run_id;
        return { kind: 'stream', feed: await use.watchRun({ tenant, runId }, afterSeq), runId, encode: encodeEvent };
      },
    }),
    operation({
      id: 'resume_run',
      method: 'POST',
      path: '/runs/:run_id',
      summary: 'Resume an interrupted Run',
      params: runParams,
      query: nothing,
      body: schemas.resumePayload,
      handle: async (use, { params, body, tenant }) =>
        json(encodeRun(await use.resumeRun({ tenant, runId: params.run_id }, body))),
    }),
    operation({
      id: 'delete_run',
      method: 'DELETE',
      path: '/runs/:run_id',
      summary: 'Delete a run. If running, cancel and then delete.',
      params: runParams,
      query: nothing,
      body: noBody,
      handle: async (use, { params, tenant }) => json(encodeRun(await use.deleteRun({ tenant, runId: params.run_id }))),
    }),
    operation({
      id: 'search_agents',
      method: 'POST',
      path: '/agents/search',
      summary: 'Search Agents',
      params: nothing,
      query: nothing,
      body: schemas.agentSearch,
      handle: async (use, { body }) => json(use.searchAgents(body).map(encodeAgent)),
    }),
    operation({
      id: 'get_agent_by_ID',
      method: 'GET',
      path: '/agents/:agent_id',
      summary: 'Get Agent',
      params: agentParams,
      query: nothing,
      body: noBody,
      handle: async (use, { params }) => json(encodeAgent(use.getAgent(params.agent_id))),
    }),
    operation({
      id: 'get_acp_descriptor_by_id',
      method: 'GET',
      path: '/agents/:agent_id/descriptor',
      summary: 'Get Agent ACP Descriptor from its id',
      params: agentParams,
      query: nothing,
      body: noBody,
      handle: async (use, { params }) => json(encodeDescriptor(use.getAgent(params.agent_id), features)),
    }),
  ];
}

function json(body: Json): Answer {
  return { kind: 'json', status: 200, body };
}

function creationAnswer({ run, replayed }: Creation): Answer {
  return { kind: 'json', status: 200, body: encodeRun(run), runId: run.runId, replayed };
}

function outputAnswer(run: Run): Answer {
  const output = encodeOutput(run);
  if (output === null) return { kind: 'empty', status: 204, runId: run.runId };
  return { kind: 'json', status: 200, body: output, runId: run.runId };
}

function decodeRequest({ input, metadata, config, webhook, streaming }: RunCreate): RunRequest {
  return { input, metadata, config, webhook, streamModes: streaming === undefined ? undefined : [streaming] };
}

/** The UUID of an agent that a search names; null for a name that the config does not have. */
function findAgentId(use: UseCases, idOrName: string): string | null {
  if (isUuid(idOrName)) return idOrName.toLowerCase();
  return use.searchAgents({ name: idOrName, limit: 1, offset: 0 })[0]?.agentId ?? null;
}
