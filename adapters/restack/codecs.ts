import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { parseJson } from '../../src/json/parse-json.ts';
import { observeRun } from '../call-rules.ts';
import { type Payload, type PayloadCodec, remoteMark, toBase64 } from '../temporal/payloads.ts';

/** Where the vendor's clients put a payload into the blob store. */
const minRemoteBytes = 128 * 1024;
const algorithm = 'AES-256-GCM';
const [ivBytes, tagBytes] = [12, 16];
const maxDepth = 512;

/** Puts codecs one behind the other: the first one encodes first. */
export function chain(codecs: readonly PayloadCodec[]): PayloadCodec {
  return {
    async encode(payload) {
      let current = payload;
      for (const codec of codecs) current = await codec.encode(current);
      return current;
    },
    async decode(payload) {
      let current = payload;
      for (const codec of codecs.toReversed()) current = await codec.decode(current);
      return current;
    },
  };
}

/**
 * Encrypts the values that are marked as `{__restack_sensitive__: true, value}`, and decrypts them into the same shape, as the
 * `SensitiveFieldsCodec` of `restack-ai` does. Everything else stays readable at the engine.
 */
export function sensitiveCodec(key: Uint8Array): PayloadCodec {
  return {
    encode: async (payload) => transform(payload, (node) => encryptNode(node, key)),
    decode: async (payload) => transform(payload, (node) => decryptNode(node, key)),
  };
}

function encryptNode(node: JsonObject, key: Uint8Array): Json | undefined {
  if (node.__restack_sensitive__ !== true || node.value === undefined) return undefined;
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  // The tag stands at the end.
  const sealed = Buffer.concat([cipher.update(JSON.stringify(node.value)), cipher.final(), cipher.getAuthTag()]);
  return { __restack_encrypted__: 'v1', alg: algorithm, iv: iv.toString('base64'), ct: sealed.toString('base64') };
}

function decryptNode(node: JsonObject, key: Uint8Array): Json | undefined {
  const { iv, ct, alg } = node;
  if (node.__restack_encrypted__ !== 'v1' || typeof iv !== 'string' || typeof ct !== 'string') return undefined;
  if (alg !== algorithm) throw unreadable(`is encrypted by ${String(alg).slice(0, 40)}`);
  const sealed = Buffer.from(ct, 'base64');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64'), { authTagLength: tagBytes });
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    const text = Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()]).toString();
    return { __restack_sensitive__: true, value: readText(text) };
  } catch (error) {
    throw error instanceof UpstreamFault ? error : unreadable('is encrypted by another key than the sensitiveKey');
  }
}

/** Replaces objects of a JSON payload; undefined: the object stays, and what is in it is looked at. */
function transform(payload: Payload, replace: (node: JsonObject) => Json | undefined): Payload {
  const isJson = payload.metadata.encoding === toBase64('json/plain');
  const text = isJson ? Buffer.from(payload.data, 'base64').toString() : '';
  if (!text.includes('"__restack_')) return payload;
  const walk = (node: Json): Json => {
    if (Array.isArray(node)) return (node as readonly Json[]).map(walk);
    if (!isJsonObject(node)) return node;
    return replace(node) ?? Object.fromEntries(Object.entries(node).map(([name, value]) => [name, walk(value)]));
  };
  return { ...payload, data: toBase64(JSON.stringify(walk(readText(text)))) };
}

function readText(text: string): Json {
  const parsed = parseJson(text, { maxDepth, protoKeys: 'keep' });
  if (parsed.kind !== 'json') throw unreadable('holds a payload that is not JSON');
  return parsed.value;
}

/** What a payload of the blob store is replaced by. */
const reference = z.looseObject({ key: z.string().min(1) });
const stored = z.looseObject({ Key: z.string().min(1) });
const any = z.custom<Json>((value) => value !== undefined);

/**
 * Keeps payloads of 128 kB and more in a blob store, as the `LargePayloadCodec` of `restack-ai` does
 * (github.com/DataDog/temporal-large-payload-codec, version 2).
 */
export function remoteCodec(url: string, namespace: string, http: HttpClient): PayloadCodec {
  const base = { kind: 'configured', url } as const;
  const errorMessage = (): null => null;
  return {
    async encode(payload) {
      const bytes = Buffer.from(payload.data, 'base64');
      if (bytes.byteLength < minRemoteBytes) return payload;
      const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      const { body } = await http.call({
        ...{ base, errorMessage, retry: 'safe', purpose: 'start', method: 'PUT', answer: stored },
        path: `/v2/blobs/put?${new URLSearchParams({ digest, namespace })}`,
        headers: {
          'content-type': 'application/octet-stream',
          'x-temporal-metadata': toBase64(JSON.stringify(payload.metadata)),
        },
        // Written again as the same bytes, of which the digest is.
        body: readText(bytes.toString()),
      });
      const words = Object.entries(payload.metadata).map(([name, word]) => [
        name,
        Buffer.from(word, 'base64').toString(),
      ]);
      const moved = { metadata: Object.fromEntries(words), size: bytes.byteLength, digest, key: body.Key };
      return {
        metadata: { ...payload.metadata, [remoteMark]: toBase64('v2') },
        data: toBase64(JSON.stringify(moved)),
      };
    },

    async decode(payload) {
      const { [remoteMark]: mark, ...metadata } = payload.metadata;
      if (mark !== toBase64('v2')) return payload;
      const found = reference.safeParse(readText(Buffer.from(payload.data, 'base64').toString()));
      if (!found.success) throw unreadable('names no key of the blob store');
      const { raw } = await http.call({
        ...{ ...observeRun, base, errorMessage, purpose: 'observe', method: 'GET', answer: any },
        path: `/v2/blobs/get?${new URLSearchParams({ key: found.data.key })}`,
      });
      return { metadata, data: toBase64(JSON.stringify(raw)) };
    },
  };
}

function unreadable(what: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'retry', kind: 'malformed', message: `the vendor's answer ${what}` });
}
