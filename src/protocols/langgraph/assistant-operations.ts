import { z } from 'zod';
import type { Api } from '../../contract/api/api.ts';
import type { Operation } from '../../contract/api/protocol.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import { agentReference } from '../shared/agent-reference.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { instantOf, jsonAnswer, listAnswer, rowsOf } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { closed, flag, jsonObject, noBody, nothing, page, type RequestOptions } from '../shared/requests.ts';
import { answers } from './schemas.ts';

const params = z.object({ assistant_id: agentReference });
const sortKeys = ['assistant_id', 'graph_id', 'name', 'created_at', 'updated_at'] as const;
const members = [
  ...['assistant_id', 'graph_id', 'name', 'description', 'config', 'context', 'metadata', 'version'],
  ...['created_at', 'updated_at'],
] as const;

/** Agents have no time of their creation: they are there as long as the config has them. */
const bornAt = instantOf(0);

/** Assistants are the agents of the config: they are read, and written in the config. */
export function createAssistantOperations({ unknownFields }: RequestOptions): readonly Operation[] {
  const { ErrorResponse: error, Assistant: assistant, AssistantMembers: selected } = answers;
  const filter = {
    metadata: jsonObject.nullish(),
    graph_id: z.string().nullish(),
    name: z.string().nullish(),
  };
  const search = {
    ...filter,
    ...page,
    sort_by: z.enum(sortKeys).nullish(),
    sort_order: z.enum(['asc', 'desc']).nullish(),
    select: z.array(z.enum(members)).max(members.length).nullish(),
  };
  // Graphs of several nodes would be drawn deeper by it.
  const graphQuery = closed({ xray: z.string().max(16).optional() }, unknownFields);
  const subgraphsQuery = closed({ recurse: flag }, unknownFields);
  const ofOne = { method: 'GET', params, query: nothing, body: noBody } as const;
  const subgraphs = {
    ...ofOne,
    query: subgraphsQuery,
    description: 'Answers an empty object: what an agent is made of is not known to the gateway.',
    answers: answersOf(error, success(z.object({})), [404, 422]),
  };
  return [
    operation({
      id: 'search_assistants',
      method: 'POST',
      path: '/assistants/search',
      listsAgents: true,
      summary: 'Search Assistants',
      description:
        'Lists the agents that the caller may use, by graph, part of their name and metadata. `X-Pagination-Total` is how many match.',
      params: nothing,
      query: nothing,
      body: closed(search, unknownFields).prefault({}),
      answers: answersOf(error, success(z.array(selected)), [422]),
      handle: async (api, { body }) => {
        const { limit, offset, sort_by: sortBy, sort_order: order, select } = body;
        const found = findAssistants(api, body);
        const sorted = sortBy === undefined || sortBy === null ? found : sortAssistants(found, sortBy, order ?? 'desc');
        const encode = (each: JsonObject): JsonObject => pickMembers(each, select);
        return {
          ...listAnswer(rowsOf(sorted.slice(offset, offset + limit)), encode, { limit, offset }),
          limit: offset + limit < found.length ? limit : limit + 1,
          headers: { 'X-Pagination-Total': `${found.length}` },
        };
      },
    }),
    operation({
      id: 'count_assistants',
      method: 'POST',
      path: '/assistants/count',
      summary: 'Count Assistants',
      description: 'Counts the agents that a search with the same filters finds.',
      params: nothing,
      query: nothing,
      body: closed(filter, unknownFields).prefault({}),
      answers: answersOf(error, success(z.int().min(0)), [422]),
      handle: async (api, { body }) => jsonAnswer(findAssistants(api, body).length),
    }),
    operation({
      ...ofOne,
      id: 'get_assistant',
      path: '/assistants/:assistant_id',
      summary: 'Get Assistant',
      description: 'Returns an agent by its id or its name.',
      answers: answersOf(error, success(assistant), [404, 422]),
      handle: async (api, request) => jsonAnswer(encodeAssistant(api.agents.get(request.params.assistant_id))),
    }),
    operation({
      ...ofOne,
      id: 'get_assistant_graph',
      path: '/assistants/:assistant_id/graph',
      summary: 'Get Assistant Graph',
      description: 'Returns the agent as a graph of one node.',
      query: graphQuery,
      answers: answersOf(error, success(answers.Graph), [404, 422]),
      handle: async (api, request) => jsonAnswer(encodeGraph(api.agents.get(request.params.assistant_id))),
    }),
    operation({
      ...ofOne,
      id: 'get_assistant_schemas',
      path: '/assistants/:assistant_id/schemas',
      summary: 'Get Assistant Schemas',
      description: 'Returns the JSON Schemas of the agent, as the config states them.',
      answers: answersOf(error, success(answers.GraphSchema), [404, 422]),
      handle: async (api, request) => jsonAnswer(encodeSchemas(api.agents.get(request.params.assistant_id))),
    }),
    operation({
      ...subgraphs,
      id: 'get_assistant_subgraphs',
      path: '/assistants/:assistant_id/subgraphs',
      summary: 'Get Assistant Subgraphs',
      handle: async (api, request) => answerSubgraphs(api, request.params.assistant_id),
    }),
    operation({
      ...subgraphs,
      id: 'get_assistant_subgraphs_by_namespace',
      path: '/assistants/:assistant_id/subgraphs/:namespace',
      summary: 'Get Assistant Subgraphs by Namespace',
      params: params.extend({ namespace: z.string() }),
      handle: async (api, request) => answerSubgraphs(api, request.params.assistant_id),
    }),
    operation({
      ...ofOne,
      id: 'list_assistant_versions',
      method: 'POST',
      path: '/assistants/:assistant_id/versions',
      summary: 'List Assistant Versions',
      description: 'Lists the one version of the agent that there is: that of the config in force.',
      body: closed({ metadata: jsonObject.nullish(), ...page }, unknownFields).prefault({}),
      answers: answersOf(error, success(z.array(assistant)), [404, 422]),
      handle: async (api, { params: named, body: { metadata, offset } }) => {
        const only = encodeAssistant(api.agents.get(named.assistant_id));
        return jsonAnswer(offset === 0 && hasMembers(only.metadata, metadata ?? {}) ? [only] : []);
      },
    }),
  ];
}

/** One node, as far as is known from outside. */
function encodeGraph({ name }: Agent): JsonObject {
  return {
    nodes: [
      { id: '__start__', type: 'schema', data: { name: '__start__' } },
      { id: name, type: 'runnable', data: { id: ['rungate', 'agent', name], name } },
      { id: '__end__', type: 'schema', data: {} },
    ],
    edges: [
      { source: '__start__', target: name, conditional: false },
      { source: name, target: '__end__', conditional: false },
    ],
  };
}

/** A thread's state is what its last run has left, so the schema of the output is that of the state. */
function encodeSchemas({ name, schemas }: Agent): JsonObject {
  return {
    graph_id: name,
    input_schema: schemas.input,
    output_schema: schemas.output,
    state_schema: schemas.output,
    config_schema: schemas.config,
    context_schema: schemas.config,
  };
}

function encodeAssistant({ agentId, name, description, metadata }: Agent) {
  return {
    assistant_id: agentId,
    graph_id: name,
    name,
    description: description === '' ? null : description,
    config: {},
    context: {},
    metadata: { created_by: 'system', ...metadata },
    version: 1,
    created_at: bornAt,
    updated_at: bornAt,
  };
}

type AssistantFilter = {
  readonly metadata?: JsonObject | null | undefined;
  readonly graph_id?: string | null | undefined;
  readonly name?: string | null | undefined;
};

/** All agents are in memory. */
function findAssistants(api: Api, { metadata, graph_id: graphId, name }: AssistantFilter) {
  const part = name?.toLowerCase() ?? '';
  return api.agents
    .search({ limit: Number.MAX_SAFE_INTEGER, offset: 0 })
    .map(encodeAssistant)
    .filter((each) => (graphId ?? each.graph_id) === each.graph_id || graphId === each.assistant_id)
    .filter((each) => each.name.toLowerCase().includes(part) && hasMembers(each.metadata, metadata ?? {}));
}

function sortAssistants<Assistant extends Record<(typeof sortKeys)[number], string>>(
  found: readonly Assistant[],
  by: (typeof sortKeys)[number],
  order: 'asc' | 'desc',
): readonly Assistant[] {
  const sign = order === 'asc' ? 1 : -1;
  return found.toSorted((a, b) => (a[by] === b[by] ? 0 : a[by] < b[by] ? -sign : sign));
}

/** Whether an object has all of these members with an equal value. */
export function hasMembers(object: JsonObject, wanted: JsonObject): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const own = Object.hasOwn(object, key) ? object[key] : undefined;
    return own !== undefined && canonicalJson(own) === canonicalJson(value);
  });
}

/** The members that were asked for; all of them where none was. */
export function pickMembers(object: JsonObject, select: readonly string[] | null | undefined): JsonObject {
  if (select === null || select === undefined || select.length === 0) return object;
  return Object.fromEntries(Object.entries(object).filter(([name]) => select.includes(name)));
}

async function answerSubgraphs(api: Api, idOrName: string) {
  api.agents.get(idOrName);
  return jsonAnswer({});
}
