import type { Agent } from '../../contract/domain/agent.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';

export type CardOptions = {
  /** Webhooks can be called. */
  readonly pushes: boolean;
  /** Requests need credentials. */
  readonly isProtected: boolean;
};

/** Data parts and text parts, for every agent: the chat mapping makes one of the other. */
const modes = ['application/json', 'text/plain'];

/** The address of an agent in both bindings. */
function agentUrl(baseUrl: string, { name }: Agent): string {
  return `${baseUrl}/a2a/${encodeURIComponent(name)}`;
}

/** The card of an agent in 1.0, made from its entry of the config. */
export function encodeCard(agent: Agent, baseUrl: string, { pushes, isProtected }: CardOptions): JsonObject {
  const url = agentUrl(baseUrl, agent);
  return {
    ...encodeHead(agent),
    supportedInterfaces: [
      { url, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
      { url, protocolBinding: 'HTTP+JSON', protocolVersion: '1.0' },
      { url, protocolBinding: 'JSONRPC', protocolVersion: '0.3' },
    ],
    capabilities: { streaming: true, pushNotifications: pushes, extendedAgentCard: false },
    ...(isProtected
      ? {
          securitySchemes: {
            bearer: { httpAuthSecurityScheme: { scheme: 'Bearer' } },
            apiKey: { apiKeySecurityScheme: { location: 'header', name: 'X-Api-Key' } },
          },
          securityRequirements: [{ schemes: { bearer: { list: [] } } }, { schemes: { apiKey: { list: [] } } }],
        }
      : {}),
    ...encodeTail(agent),
  };
}

/** The same in 0.3, whose clients find the one address in `url`. */
export function encodeLegacyCard(agent: Agent, baseUrl: string, { pushes, isProtected }: CardOptions): JsonObject {
  const url = agentUrl(baseUrl, agent);
  return {
    protocolVersion: '0.3.0',
    ...encodeHead(agent),
    url,
    preferredTransport: 'JSONRPC',
    additionalInterfaces: [{ url, transport: 'JSONRPC' }],
    capabilities: { streaming: true, pushNotifications: pushes, stateTransitionHistory: false },
    ...(isProtected
      ? {
          securitySchemes: {
            bearer: { type: 'http', scheme: 'bearer' },
            apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
          },
          security: [{ bearer: [] }, { apiKey: [] }],
        }
      : {}),
    ...encodeTail(agent),
    supportsAuthenticatedExtendedCard: false,
  };
}

function encodeHead({ name, description, version }: Agent): JsonObject {
  return { name, description: description === '' ? name : description, version };
}

function encodeTail({ name, description, metadata, schemas }: Agent): JsonObject {
  const { tags } = metadata;
  const examples = asTexts(schemas.input.examples);
  return {
    defaultInputModes: modes,
    defaultOutputModes: modes,
    skills: [
      {
        id: name,
        name,
        description: description === '' ? name : description,
        tags: isTexts(tags) ? tags : [name],
        ...(examples.length === 0 ? {} : { examples }),
      },
    ],
  };
}

function isTexts(value: Json | undefined): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string');
}

/** Examples of inputs; those that are no texts as their JSON. */
function asTexts(value: Json | undefined): string[] {
  if (!Array.isArray(value)) return [];
  return value.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)));
}

/** Where a task of the agent is read. */
export function taskPath({ name }: Agent, taskId: string): string {
  return `/a2a/${encodeURIComponent(name)}/tasks/${taskId}`;
}
