import { Message, Task } from '@a2a-js/sdk';
import {
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { support } from './site.ts';

export const question = { interrupt_type: 'approval', question: 'refund?' };
/** An agent that asks for an answer with one text. */
export const asking: JsonObject = {
  ...support,
  mapping: { interrupt: 'output.interrupt' },
  schemas: {
    interrupts: [
      { interrupt_type: 'approval', resume_payload: { type: 'object', properties: { answer: { type: 'string' } } } },
    ],
  },
};

let nextId = 0;
const legacyCompat = { enabled: true };
/** How the client speaks: the binding, and the folder of the card that it reads. */
export const kinds = [
  ['JSON-RPC', new JsonRpcTransportFactory(), ''],
  ['HTTP+JSON', new RestTransportFactory(), ''],
  ['JSON-RPC in 0.3', new JsonRpcTransportFactory({ legacyCompat }), 'v0.3/'],
] as const;

/** An unmodified client of the agent. */
export async function connect(
  [, transport, folder]: (typeof kinds)[number],
  url: string,
  agent: string,
): Promise<Client> {
  const cardResolver = new DefaultAgentCardResolver(folder === '' ? {} : { legacyCompat });
  const factory = new ClientFactory({ transports: [transport], cardResolver });
  return await factory.createFromUrl(`${url}/a2a/${agent}/${folder}.well-known/agent-card.json`, '');
}

export function messageOf(part: Json, more: JsonObject = {}) {
  nextId += 1;
  return Message.fromJSON({ messageId: `message-${nextId}`, role: 'ROLE_USER', parts: [part], ...more });
}

export function requestOf(message: Message) {
  return { tenant: '', message, configuration: undefined, metadata: undefined };
}

/** Sends a message that is answered with a task. */
export async function send(client: Client, message: Message): Promise<JsonObject> {
  const result = await client.sendMessage(requestOf(message));
  if (!('status' in result)) throw new Error(`a message: ${JSON.stringify(result)}`);
  return Task.toJSON(result) as JsonObject;
}
