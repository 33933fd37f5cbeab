import type { Decoded } from '../../contract/api/protocol.ts';
import { headerMismatch } from './rpc-error.ts';
import type { Message } from './wire.ts';

export type RequestHeaders = Pick<Decoded<unknown, unknown, unknown>, 'header'>;

/** By which member of its parameters a request is routed. */
const routedBy: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/** What stands between a client and the gateway routes by headers, so they say what the message says. Throws `RpcError`. */
export function checkHeaders(
  { method, params }: Exclude<Message, { kind: 'response' }>,
  request: RequestHeaders,
): void {
  const said = request.header('mcp-method')?.trim();
  if (said === undefined) throw headerMismatch('Mcp-Method is missing');
  if (said !== method) throw headerMismatch('Mcp-Method is not the method');
  const member = routedBy[method];
  const name = member === undefined ? undefined : params[member];
  if (typeof name !== 'string') return;
  const given = request.header('mcp-name');
  if (given === undefined) throw headerMismatch('Mcp-Name is missing');
  if (readHeaderValue(given) !== name) throw headerMismatch(`Mcp-Name is not params/${member}`);
}

/** The text of a header's value; null where its marks say base64 and it is none. */
export function readHeaderValue(value: string): string | null {
  const trimmed = value.trim();
  const [, encoded] = /^=\?base64\?(.*)\?=$/.exec(trimmed) ?? [];
  if (encoded === undefined) return trimmed;
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64') === encoded ? bytes.toString() : null;
}
