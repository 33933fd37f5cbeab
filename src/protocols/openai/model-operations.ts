import type { Operation } from '../../contract/api/protocol.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { answers } from './answers.ts';
import { modelParams } from './schemas.ts';

/** More agents than a config has. */
const allAgents = { limit: 100_000, offset: 0 };

/** Models are the agents of the config. */
export function createModelOperations(): readonly Operation[] {
  const { ErrorResponse: error, Model: model, ModelList: list } = answers;
  return [
    operation({
      id: 'list_models',
      method: 'GET',
      path: '/models',
      listsAgents: true,
      summary: 'List models',
      description: 'Lists the agents that the key may use.',
      params: nothing,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(list), []),
      handle: async (api) =>
        jsonAnswer({ object: 'list', data: api.agents.search(allAgents).map((agent) => encodeModel(agent)) }),
    }),
    operation({
      id: 'get_model',
      method: 'GET',
      path: '/models/:model',
      summary: 'Get a model',
      description: 'Returns an agent.',
      params: modelParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(model), [400, 404]),
      handle: async (api, { params }) => jsonAnswer(encodeModel(api.agents.get(params.model))),
    }),
  ];
}

/** Agents have no time of creation. */
function encodeModel({ name }: Agent): JsonObject {
  return { id: name, object: 'model', created: 0, owned_by: 'rungate' };
}
