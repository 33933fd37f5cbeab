import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { blank, isCredential, redactUrlPassword } from '../../observability/redaction.ts';

/**
 * A run's `config` as answers, lists and webhooks show it: without the values of members that are credentials by their name, and
 * without the passwords of URLs. Clients of a run may be others than the one that created it. The vendor gets the config as it was sent.
 */
export function echoConfig(config: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(config).map(([key, member]) => [key, echoMember(key, member)]));
}

function echoMember(key: string, member: Json): Json {
  if (isCredential(key, member)) return blank;
  if (typeof member === 'string') return redactUrlPassword(withoutBarePassword(key, member));
  if (Array.isArray(member)) return member.map((item) => echoMember('', item));
  return isJsonObject(member) ? echoConfig(member) : member;
}

/** A proxy may be named without a scheme. */
function withoutBarePassword(key: string, text: string): string {
  return /proxy$/i.test(key) ? text.replace(/^([^\s/:@?#]*:)[^\s/@]+@/, `$1${blank}@`) : text;
}
