import type { JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { checkHeaders, type RequestHeaders } from './request-headers.ts';
import { handshakeVersions, metaKeys, statelessVersion, tasksExtension } from './revisions.ts';
import { headerMismatch, invalidMessage, invalidParams, RpcError, rpcCodes, unsupportedVersion } from './rpc-error.ts';
import type { Seals } from './seals.ts';
import { type Message, metaOf } from './wire.ts';

/** What is known of the client of one request. */
export type Client = {
  /** Whether the request stands for itself, as since 2026-07-28. */
  readonly isStateless: boolean;
  readonly version: string;
  /** Whether a person can be asked by it, with a form. */
  readonly canElicit: boolean;
  readonly takesTasks: boolean;
  /** Whether it reads streams of events. */
  readonly takesEvents: boolean;
  /** Names its session; null where it has none. */
  readonly nonce: string | null;
};

/**
 * The client of a message, by the message and its headers: what decides the revision is the version in `_meta`, else the
 * header. Throws `RpcError`.
 */
export async function readClient(message: Message, request: RequestHeaders, seals: Seals): Promise<Client> {
  const header = request.header('mcp-protocol-version')?.trim();
  const params = message.kind === 'response' ? {} : message.params;
  const named = metaOf(params)[metaKeys.version];
  const isStateless = named !== undefined || (header !== undefined && !handshakeVersions.includes(header));
  const takesEvents = /text\/event-stream|\*\/\*/.test(request.header('accept') ?? '');
  if (!isStateless) return { ...(await readSession(request, seals)), isStateless, takesTasks: false, takesEvents };
  if (header === undefined) throw headerMismatch('MCP-Protocol-Version is missing');
  if (named !== undefined && named !== header) throw headerMismatch(`MCP-Protocol-Version is not the version in _meta`);
  if (header !== statelessVersion) throw unsupportedVersion(header);
  if (message.kind === 'response') throw invalidMessage('this revision has no requests of servers to answer');
  checkHeaders(message, request);
  const capabilities = metaOf(params)[metaKeys.capabilities];
  if (named === undefined) throw invalidParams(`params/_meta/${metaKeys.version} is required`, 400);
  if (!isJsonObject(capabilities)) throw invalidParams(`params/_meta/${metaKeys.capabilities} must be an object`, 400);
  const { extensions } = capabilities;
  return {
    isStateless,
    version: statelessVersion,
    canElicit: canElicit(capabilities),
    takesTasks: isJsonObject(extensions) && isJsonObject(extensions[tasksExtension]),
    takesEvents,
    nonce: null,
  };
}

async function readSession(
  request: RequestHeaders,
  seals: Seals,
): Promise<Pick<Client, 'version' | 'canElicit' | 'nonce'>> {
  const id = request.header('mcp-session-id');
  const version = request.header('mcp-protocol-version') ?? handshakeVersions[0] ?? '';
  if (id === undefined) return { version, canElicit: false, nonce: null };
  const session = await seals.readSession(id.trim());
  // Clients begin a new session then.
  if (session === null)
    throw new RpcError(rpcCodes.invalidRequest, 'the session is not one of this gateway', { http: 404 });
  return session;
}

/** A client without modes has that of forms, which was the first. */
export function canElicit({ elicitation }: JsonObject): boolean {
  return isJsonObject(elicitation) && (elicitation.form !== undefined || elicitation.url === undefined);
}
