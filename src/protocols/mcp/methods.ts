import type { JsonObject } from '../../contract/domain/json.ts';
import { type Call, type Method, Reply, respond, serverInfo } from './call.ts';
import { callTool } from './call-tool.ts';
import { canElicit } from './client.ts';
import { listen } from './listen.ts';
import { handshakeVersions, supportedVersions, tasksExtension } from './revisions.ts';
import { invalidParams } from './rpc-error.ts';
import { cancelTask, getTask, updateTask } from './task-methods.ts';
import { agentsOf, describeTools } from './tools.ts';
import { textMember } from './wire.ts';

/** How long a list may be kept: agents come and go with the config. */
const listMs = 30_000;
const cacheable = { ttlMs: listMs, cacheScope: 'private' } as const;
const instructions =
  'Each tool runs an agent, which may take minutes or hours. A run goes on by itself; get_run shows it, resume_run answers what it asks, and cancel_run ends it.';

/** Methods of requests that stand for themselves. */
export const statelessMethods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['server/discover', async () => ({ ...discovery(), ...cacheable })],
  ['tools/list', async (call) => ({ ...listTools(call), ...cacheable })],
  ['tools/call', callTool],
  ['subscriptions/listen', listen],
  ['tasks/get', getTask],
  ['tasks/update', updateTask],
  ['tasks/cancel', cancelTask],
]);

/** Methods of the revisions with a handshake. */
export const handshakeMethods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['initialize', initialize],
  ['ping', async () => ({})],
  ['tools/list', async (call) => listTools(call)],
  ['tools/call', callTool],
]);

const capabilities: JsonObject = { tools: { listChanged: true }, extensions: { [tasksExtension]: {} } };

function discovery(): JsonObject {
  return { supportedVersions, capabilities, instructions };
}

function listTools({ api, agentName, client, params: { cursor = '' } }: Call): JsonObject {
  // Lists are whole, so that no answer has had one.
  if (cursor !== '' && cursor !== null) throw invalidParams('params/cursor is not one that this gateway gave');
  return { tools: describeTools(agentsOf(api, agentName), client.isStateless) };
}

/** The session's id holds what the handshake said, so that no replica has to remember it. */
async function initialize(call: Call): Promise<Reply> {
  const { capabilities } = call.params;
  const asked = textMember(call.params, 'protocolVersion');
  const version = handshakeVersions.includes(asked) ? asked : (handshakeVersions[0] ?? '');
  const isObject = typeof capabilities === 'object' && capabilities !== null;
  const session = { version, canElicit: isObject && canElicit(capabilities as JsonObject) };
  const result = {
    protocolVersion: version,
    capabilities: { tools: {} },
    serverInfo: serverInfo(call.version),
    instructions,
  };
  return new Reply({
    kind: 'json',
    status: 200,
    body: respond(call, result),
    headers: { 'Mcp-Session-Id': await call.seals.openSessionFor(session) },
  });
}
