import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isExactNumber } from '../../json/exact-number.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { type RequestHeaders, readHeaderValue } from './request-headers.ts';
import { headerMismatch } from './rpc-error.ts';

/** In the schema of a property: the header that repeats its value, for what stands between the client and the gateway. */
const keyword = 'x-mcp-header';
/** A token of HTTP (RFC 9110, section 5.6.2). */
const headerName = /^[!#$%&'*+.^`|~\w-]{1,100}$/;

/**
 * Checks the headers of annotated properties, which may be nested in objects. Throws `RpcError` where one is missing, or is
 * not the value of its argument.
 */
export function checkParamHeaders({ properties }: JsonObject, args: JsonObject, request: RequestHeaders): void {
  if (!isJsonObject(properties)) return;
  for (const [name, schema] of Object.entries(properties)) {
    if (!isJsonObject(schema)) continue;
    const value = Object.hasOwn(args, name) ? (args[name] ?? null) : null;
    const header = schema[keyword];
    if (typeof header === 'string' && headerName.test(header)) checkHeader(header, { name, value }, request);
    checkParamHeaders(schema, isJsonObject(value) ? value : {}, request);
  }
}

function checkHeader(
  header: string,
  { name, value }: { readonly name: string; readonly value: Json },
  request: RequestHeaders,
): void {
  const given = request.header(`mcp-param-${header.toLowerCase()}`);
  if (value === null && given === undefined) return;
  if (given === undefined) throw headerMismatch(`Mcp-Param-${header} is missing`);
  const read = readHeaderValue(given);
  if (value === null || read === null || !isSame(read, value))
    throw headerMismatch(`Mcp-Param-${header} is not the argument ${name}`);
}

/** Numbers are compared as such: `42.0` is 42. */
function isSame(read: string, value: Json): boolean {
  if (isExactNumber(value)) return read === value.source;
  return typeof value === 'number' ? read !== '' && Number(read) === value : read === String(value);
}
