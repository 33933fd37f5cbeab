import { createHash } from 'node:crypto';
import type { Answer, Decoded, Operation } from '../../contract/api/protocol.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { type CardOptions, encodeCard, encodeLegacyCard } from './agent-card.ts';
import { agentParams, answers, versionQuery } from './schemas.ts';
import { readVersion, versionHeader, versionParameter } from './versions.ts';

const card = '.well-known/agent-card.json';
const described = {
  method: 'GET',
  body: noBody,
  answers: answersOf(answers.Status, { ...success(answers.AgentCard), 304: { description: 'Not modified' } }, [404]),
} as const;

type Request = Decoded<unknown, { readonly [versionParameter]?: string | undefined }, undefined>;

/** The cards of the agents, under the address of each. */
export function createCardOperations(options: CardOptions): readonly Operation[] {
  return [
    operation({
      ...described,
      id: 'get_agent_card',
      path: `/:agent/${card}`,
      summary: 'Get the card of an agent',
      description:
        'Returns the card of the agent in 1.0, made from its entry of the config; with `A2A-Version: 0.3`, in 0.3.',
      params: agentParams,
      query: versionQuery,
      handle: async (api, request) => answerCard(api.agents.get(request.params.agent), request, options),
    }),
    operation({
      ...described,
      id: 'get_legacy_agent_card',
      path: `/:agent/v0.3/${card}`,
      summary: 'Get the card of an agent in 0.3',
      description: 'Returns the card for clients of 0.3, which do not say their version.',
      params: agentParams,
      query: nothing,
      handle: async (api, request) => {
        const agent = api.agents.get(request.params.agent);
        return answerCached(encodeLegacyCard(agent, request.baseUrl, options), request, options);
      },
    }),
  ];
}

/** The card of the default agent, under the well-known address of the host. */
export function createHostCardOperation(options: CardOptions & { readonly defaultAgent: string | null }): Operation {
  return operation({
    ...described,
    id: 'get_default_agent_card',
    path: '/agent-card.json',
    summary: 'Get the card of the default agent',
    description: 'Returns the card of the default agent of the config.',
    params: nothing,
    query: versionQuery,
    handle: async (api, request) => {
      const { defaultAgent } = options;
      if (defaultAgent === null)
        throw new GatewayError('agent_not_found', { detail: 'the config has no default agent' });
      return answerCard(api.agents.get(defaultAgent), request, options);
    },
  });
}

function answerCard(agent: Agent, request: Request, options: CardOptions): Answer {
  const named = request.header(versionHeader) ?? request.query[versionParameter];
  // A request that names no version is not of 0.3 here: many clients of 1.0 say theirs only to what the card leads to.
  const isLegacy = named !== undefined && readVersion(named, undefined) === '0.3';
  return answerCached((isLegacy ? encodeLegacyCard : encodeCard)(agent, request.baseUrl, options), request, options);
}

const maxAgeSeconds = 300;

/** The config is read when the protocol is made. */
const madeAt = new Date().toUTCString();

function answerCached(body: JsonObject, request: Pick<Request, 'header'>, { isProtected }: CardOptions): Answer {
  const etag = `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 27)}"`;
  const headers = {
    'Cache-Control': `${isProtected ? 'private' : 'public'}, max-age=${maxAgeSeconds}`,
    ETag: etag,
    'Last-Modified': madeAt,
  };
  const known = (request.header('if-none-match') ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''));
  if (known.includes(etag) || known.includes('*')) return { kind: 'empty', status: 304, headers };
  return { kind: 'json', status: 200, body, headers };
}
