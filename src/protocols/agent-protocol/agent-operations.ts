import { z } from 'zod';
import type { Operation } from '../../contract/api/protocol.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { agentParams } from '../shared/agent-reference.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { jsonAnswer, listAnswer, rowsOf } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { answers, type Requests } from './schemas.ts';

/** The operations on agents of the Agent Protocol. */
export function createAgentOperations(requests: Requests): readonly Operation[] {
  const { ErrorResponse: error, Agent: agent, AgentSchema: schema } = answers;
  return [
    operation({
      id: 'search_agents',
      method: 'POST',
      path: '/agents/search',
      listsAgents: true,
      summary: 'Search Agents',
      params: nothing,
      query: nothing,
      body: requests.agentSearch,
      answers: answersOf(error, success(z.array(agent)), [404, 422]),
      handle: async (api, { body: { name, metadata = {}, limit, offset } }) => {
        // All agents are in memory, and the engine's search has no filter by metadata.
        const named = api.agents.search({ name, limit: Number.MAX_SAFE_INTEGER, offset: 0 });
        const found = named.filter((each) => hasMetadata(each, metadata)).slice(offset, offset + limit);
        return listAnswer(rowsOf(found), encodeAgent, { limit, offset });
      },
    }),
    operation({
      id: 'get_agent',
      method: 'GET',
      path: '/agents/:agent_id',
      summary: 'Get Agent',
      params: agentParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(agent), [404, 422]),
      handle: async (api, { params }) => jsonAnswer(encodeAgent(api.agents.get(params.agent_id))),
    }),
    operation({
      id: 'get_agent_schemas',
      method: 'GET',
      path: '/agents/:agent_id/schemas',
      summary: 'Get Agent Schemas',
      params: agentParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(schema), [404, 422]),
      handle: async (api, { params }) => jsonAnswer(encodeSchemas(api.agents.get(params.agent_id))),
    }),
  ];
}

function hasMetadata(agent: Agent, wanted: JsonObject): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const own = Object.hasOwn(agent.metadata, key) ? agent.metadata[key] : undefined;
    return own !== undefined && canonicalJson(own) === canonicalJson(value);
  });
}

function encodeAgent(agent: Agent): JsonObject {
  return {
    agent_id: agent.agentId,
    name: agent.name,
    description: agent.description,
    metadata: agent.metadata,
    capabilities: { 'ap.io.messages': takesMessages(agent), 'ap.io.streaming': true },
  };
}

/** Whether the agent's schemas mention messages. */
function takesMessages({ schemas }: Agent): boolean {
  return [schemas.input, schemas.output].some(
    ({ properties }) => isJsonObject(properties) && Object.hasOwn(properties, 'messages'),
  );
}

function encodeSchemas({ agentId, schemas }: Agent): JsonObject {
  return {
    agent_id: agentId,
    input_schema: schemas.input,
    output_schema: schemas.output,
    config_schema: schemas.config,
  };
}
