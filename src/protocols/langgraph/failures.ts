import { errcodes } from '../../contract/domain/errcodes.ts';
import type { JsonObject } from '../../contract/domain/json.ts';

const names = new Map<number, string>(
  Object.entries(errcodes).map(([name, code]) => [code, `${name.charAt(0).toUpperCase()}${name.slice(1)}`]),
);

/** Why a run failed, as streams and waits say it: LangGraph has the class of an exception where the gateway has a number. */
export function encodeFailure({ errcode, description }: { errcode: number; description: string }): JsonObject {
  return { error: names.get(errcode) ?? 'VendorError', message: description, errcode };
}
