import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { parseJson } from '../../src/json/parse-json.ts';

/** A value as the frontend carries it: both in base64. */
export type Payload = { readonly metadata: Readonly<Record<string, string>>; readonly data: string };

/** Changes payloads on their way, such as one that encrypts. */
export type PayloadCodec = {
  encode(payload: Payload): Promise<Payload>;
  decode(payload: Payload): Promise<Payload>;
};

/** No codec: payloads pass as they are. */
export const plainCodec: PayloadCodec = { encode: async (payload) => payload, decode: async (payload) => payload };

/** Marks a payload that lies in a blob store; the value is the version. */
export const remoteMark = 'temporal.io/remote-codec';

/** As deep as answers of vendors may be. */
const maxDepth = 512;

export const toBase64 = (text: string): string => Buffer.from(text).toString('base64');

/** `type` is that of a search attribute. */
export function encodePayload(value: Json, type?: string): Payload {
  const encoding = toBase64('json/plain');
  return {
    metadata: type === undefined ? { encoding } : { encoding, type: toBase64(type) },
    data: toBase64(JSON.stringify(value)),
  };
}

export async function encodePayloads(values: readonly Json[], codec: PayloadCodec): Promise<JsonObject | null> {
  if (values.length === 0) return null;
  return { payloads: await Promise.all(values.map((value) => codec.encode(encodePayload(value)))) };
}

/**
 * The value of what the frontend answered: null without a payload, an array of several.
 *
 * @throws UpstreamFault where a payload is not JSON; `status` is that of the run it belongs to.
 */
export async function decodePayloads(payloads: Json | undefined, codec: PayloadCodec, status?: string): Promise<Json> {
  const list = isJsonObject(payloads) && Array.isArray(payloads.payloads) ? payloads.payloads : [];
  const values = await Promise.all(list.map(async (each) => readPayload(await codec.decode(payloadOf(each)), status)));
  return values.length > 1 ? values : (values[0] ?? null);
}

/** What is left out of a message is empty. */
function payloadOf(value: Json): Payload {
  const { metadata, data } = isJsonObject(value) ? value : {};
  const words = isJsonObject(metadata) ? Object.entries(metadata) : [];
  return {
    metadata: Object.fromEntries(words.flatMap(([key, word]) => (typeof word === 'string' ? [[key, word]] : []))),
    data: typeof data === 'string' ? data : '',
  };
}

function readPayload({ metadata, data }: Payload, status: string | undefined): Json {
  const encoding = Buffer.from(metadata.encoding ?? '', 'base64').toString();
  if (metadata[remoteMark] !== undefined)
    throw unreadable('has a payload that lies in a blob store, which the backend does not name', status);
  switch (encoding) {
    case 'binary/null':
      return null;
    case 'json/plain':
    case 'json/protobuf': {
      const parsed = parseJson(Buffer.from(data, 'base64').toString(), { maxDepth, protoKeys: 'keep' });
      if (parsed.kind === 'json') return parsed.value;
      throw unreadable(`has a payload that is not the JSON that it says it is`, status);
    }
    default:
      throw unreadable(`has a payload of the encoding "${encoding.slice(0, 100)}", which is not JSON`, status);
  }
}

function unreadable(what: string, status: string | undefined): UpstreamFault {
  const message = `the vendor's answer ${what}`;
  return new UpstreamFault({ consequence: 'retry', kind: 'malformed', message, vendorStatus: status ?? null });
}
