import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { measureJson } from '../../json/measure-json.ts';

/** Each member is one more search within what a row holds. */
const maxMembers = 100;
const maxSize = { maxNodes: 20_000, maxChars: 65_536 };

/**
 * Refuses a filter that compares more than a search should. Throws `invalid_request`.
 *
 * @param path the member of the request that holds the filter.
 */
export function checkFilter(path: string, filter: JsonObject | undefined): void {
  if (filter === undefined) return;
  if (Object.keys(filter).length > maxMembers) refuse(path, `must have at most ${maxMembers} members to compare`);
  if (measureJson(filter, maxSize) === null) refuse(path, 'is too large to compare: at most 65536 characters');
}

function refuse(path: string, detail: string): never {
  throw new GatewayError('invalid_request', { path, detail });
}
