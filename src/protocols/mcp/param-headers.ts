import { z } from 'zod';
import type { JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { type RequestHeaders, readHeaderValue } from './request-headers.ts';
import { headerMismatch } from './rpc-error.ts';

/** In the schema of a property: the header that repeats its value, for what stands between the client and the gateway. */
const keyword = 'x-mcp-header';
const headerName = z.string().regex(/^[\w-]{1,100}$/);

/** Throws `RpcError` where a header is missing, or is not the value of its argument. */
export function checkParamHeaders({ properties }: JsonObject, args: JsonObject, request: RequestHeaders): void {
  if (!isJsonObject(properties)) return;
  for (const [name, schema] of Object.entries(properties)) {
    const { data: header } = headerName.safeParse(isJsonObject(schema) ? schema[keyword] : undefined);
    if (header === undefined) continue;
    const given = request.header(`mcp-param-${header.toLowerCase()}`);
    const value = args[name] ?? null;
    if (value === null && given === undefined) continue;
    if (given === undefined) throw headerMismatch(`Mcp-Param-${header} is missing`);
    const isSame = value !== null && readHeaderValue(given) === String(value);
    if (!isSame) throw headerMismatch(`Mcp-Param-${header} is not the argument ${name}`);
  }
}
