import type { JsonObject } from '../contract/domain/json.ts';
import { isExactNumber } from './exact-number.ts';

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}
