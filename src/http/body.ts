import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createUnzip } from 'node:zlib';
import type { Context, Middleware } from 'koa';
import { HttpMethodEnum, koaBody } from 'koa-body';
import { z } from 'zod';
import { parseJsonSliced } from '../compute/sliced-json.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Json } from '../contract/domain/json.ts';
import { decodeText } from '../json/decode-text.ts';
import type { ParsedJson } from '../json/parse-json.ts';
import type { ArrivingBytes } from './arriving-bytes.ts';

export type BodyLimits = {
  readonly maxBodyBytes: number;
  /** How deep objects and arrays may stand inside one another: what works on them later is recursive. */
  readonly maxJsonDepth: number;
};

/** Reads a request's body as JSON, whatever its value; undefined where there is none. Its bytes are the caller's. */
export type BodyReader = (context: Context, caller: string) => Promise<unknown>;

/** The body of a push: as text, and parsed. */
export type ReadPush = { readonly text: () => string; readonly parse: ParseBody };

/** What a vendor called with; undefined for what is not JSON, a promise for what is large. */
export type ParseBody = () => Json | undefined | Promise<Json | undefined>;

/** What reading throws, as far as the cases differ here. */
const readFault = z.object({ status: z.number().optional(), type: z.string().optional() });

const jsonType = 'application/json';
/** Those too that say what the JSON is of, such as `application/a2a+json`. */
const jsonTypes = [jsonType, '+json'];
/** A body of this many bytes is counted by its length. */
const maxCountedWhole = 16_384;
const arrivingRefusals: ReadonlySet<string> = new Set(['too_many_body_bytes', 'body_bytes_exhausted']);
const noBytes = new Uint8Array();
const readNothingElse = () => Promise.resolve();

/**
 * Makes a reader that throws `malformed_json`, `body_too_large`, `unsupported_media_type` or `invalid_request`, and the
 * refusals of arriving bytes.
 */
export function createBodyReader({ maxBodyBytes, maxJsonDepth }: BodyLimits, arriving: ArrivingBytes): BodyReader {
  const readBytes = createBytesReader(jsonTypes, maxBodyBytes, arriving);
  return async (context, caller) => {
    if (!hasBody(context)) return undefined;
    // Most clients send exactly this, and a comparison costs less than parsing the header.
    const isJson = context.headers['content-type'] === jsonType || typeof context.is(jsonTypes) === 'string';
    if (!isJson) throw new GatewayError('unsupported_media_type');
    const bytes = await readBytes(context, caller);
    if (bytes.byteLength === 0) return undefined;
    const text = decodeClientText(bytes, context.headers['content-type']);
    return text === '' ? undefined : parseClientJson(text, maxJsonDepth);
  };
}

/**
 * Reads what a vendor calls with, of any type, to its end. The function that it gives parses it, and gives undefined for
 * what is not JSON. Throws `body_too_large` or `malformed_json`, and then closes the connection.
 */
export function createPushReader(
  { maxBodyBytes, maxAnswerBytes, maxJsonDepth }: BodyLimits & { readonly maxAnswerBytes: number },
  arriving: ArrivingBytes,
): (context: Context) => Promise<ReadPush> {
  // A push can hold the result that an answer to a poll would hold.
  const readBytes = createBytesReader(['*/*'], Math.max(maxBodyBytes, maxAnswerBytes), arriving);
  return async (context) => {
    if (!hasBody(context)) return { text: () => '', parse: () => undefined };
    const contentType = context.headers['content-type'];
    // koa-body leaves a body without a type, or with a malformed one, unread and so unbounded.
    context.req.headers['content-type'] = 'application/octet-stream';
    try {
      const bytes = await readBytes(context, context.req.socket.remoteAddress ?? '');
      return {
        text: () => new TextDecoder().decode(bytes),
        parse: () => parsePush(bytes, contentType, maxJsonDepth),
      };
    } catch (refusal) {
      // The sender is not one that a next request on this connection matters to.
      context.set('Connection', 'close');
      throw refusal;
    }
  };
}

/** A vendor's word is kept as it is where it can be read, like its answers. */
function parsePush(
  bytes: Uint8Array,
  contentType: string | undefined,
  maxDepth: number,
): Json | undefined | Promise<Json | undefined> {
  const decoded = decodeText(bytes, contentType);
  if (decoded.kind !== 'text') return undefined;
  const parsed = parseJsonSliced(decoded.text, { maxDepth, protoKeys: 'keep' });
  return parsed instanceof Promise ? parsed.then(readValue) : readValue(parsed);
}

function readValue(parsed: ParsedJson): Json | undefined {
  return parsed.kind === 'json' ? parsed.value : undefined;
}

/**
 * Has koa-body read bodies of these types as bytes. Its own JSON parser is off: the text is parsed by the one parser of
 * untrusted JSON, see docs/decisions/040-koa-body-reads-text.md, and its own decoder replaces what it cannot read.
 */
function createBytesReader(
  types: readonly string[],
  maxBodyBytes: number,
  arriving: ArrivingBytes,
): (context: Context, caller: string) => Promise<Uint8Array> {
  const read = koaBody({
    json: false,
    urlencoded: false,
    multipart: false,
    text: true,
    // None: what is read stays bytes.
    encoding: '' as BufferEncoding,
    textTypes: [...types],
    textLimit: maxBodyBytes,
    parsedMethods: [HttpMethodEnum.POST, HttpMethodEnum.PUT, HttpMethodEnum.PATCH, HttpMethodEnum.DELETE],
  }) as unknown as Middleware;
  return async (context, caller) => {
    const arrived = arriving.open(caller);
    try {
      const source = unpack(context);
      const length = source === context ? Number(context.headers['content-length'] ?? Number.NaN) : Number.NaN;
      // A small body counts whole from the start, which costs less than to listen to it.
      if (length <= maxCountedWhole) arrived.add(length);
      const reading: Promise<unknown> = read(source, readNothingElse);
      await (length <= maxCountedWhole ? reading : arrived.follow(source.req, reading));
    } catch (fault) {
      // What is read of a body that there is no room for ends with its connection.
      if (fault instanceof GatewayError && arrivingRefusals.has(fault.code)) context.set('Connection', 'close');
      // The rest of a refused body is read and dropped, or the connection could carry no further request.
      context.req.unpipe();
      context.req.resume();
      throw fault instanceof GatewayError ? fault : explainReading(fault, maxBodyBytes);
    } finally {
      arrived.release();
    }
    const { body } = context.request as { body?: unknown };
    return body instanceof Uint8Array ? body : noBytes;
  };
}

function hasBody({ headers }: Context): boolean {
  if (headers['transfer-encoding'] !== undefined) return true;
  const length = headers['content-length'];
  return length !== undefined && length !== '0';
}

/**
 * The same context with the unpacked body in place of the packed one. koa-body could unpack by itself, but then a
 * request that is cut off leaves its reader waiting for ever, and an error after the size limit ends the process.
 */
function unpack(context: Context): Context {
  const encoding = context.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return context;
  const unpacking = createUnpacking(encoding);
  const { req }: { req: IncomingMessage } = context;
  // Once the body is too large its reader stops listening, while the unpacking goes on with what it has.
  unpacking.on('error', () => {});
  // A pipe does not end its destination when the source fails.
  req.once('error', (fault) => unpacking.destroy(fault));
  // Without headers of its own: the length that the client sent is that of the packed body.
  const unpacked = Object.assign(req.pipe(unpacking), { headers: {} });
  return Object.create(context, { req: { value: unpacked } });
}

function createUnpacking(encoding: string): Transform {
  switch (encoding) {
    case 'gzip':
    case 'deflate':
      return createUnzip();
    case 'br':
      return createBrotliDecompress();
    default:
      throw new GatewayError('unsupported_media_type', { detail: 'the content encoding is not known' });
  }
}

function explainReading(fault: unknown, maxBodyBytes: number): GatewayError {
  const { status, type } = readFault.catch({}).parse(fault);
  if (status === 413) {
    return new GatewayError('body_too_large', { detail: `at most ${maxBodyBytes} bytes are taken`, cause: fault });
  }
  const detail = type === undefined ? 'the content encoding is broken' : 'the body was cut off';
  return new GatewayError('malformed_json', { detail, cause: fault });
}

/** Throws `unsupported_media_type` for a charset that is not known, and `malformed_json` for bytes that mean nothing in it. */
function decodeClientText(bytes: Uint8Array, mediaType: string | undefined): string {
  const decoded = decodeText(bytes, mediaType);
  switch (decoded.kind) {
    case 'text':
      return decoded.text;
    case 'unknown-charset':
      throw new GatewayError('unsupported_media_type', { detail: 'the charset is not known' });
    case 'invalid':
      throw new GatewayError('malformed_json', {
        detail: `the body has bytes that are not ${decoded.charset.toUpperCase()}`,
      });
    default:
      return assertNever(decoded);
  }
}

/**
 * Parses what a client sent; a promise where that is large. Throws or rejects with `malformed_json`, or
 * `invalid_request` for a value that is nested too deeply.
 */
export function parseClientJson(text: string, maxJsonDepth: number): unknown {
  const parsed = parseJsonSliced(text, { maxDepth: maxJsonDepth, protoKeys: 'refuse' });
  return parsed instanceof Promise
    ? parsed.then((large) => acceptClientJson(large, maxJsonDepth))
    : acceptClientJson(parsed, maxJsonDepth);
}

function acceptClientJson(parsed: ParsedJson, maxJsonDepth: number): Json {
  switch (parsed.kind) {
    case 'json':
      return parsed.value;
    case 'malformed': {
      const detail = parsed.position === null ? undefined : `see position ${parsed.position}`;
      throw new GatewayError('malformed_json', { detail });
    }
    case 'proto-key':
      throw new GatewayError('malformed_json', { detail: 'the key "__proto__" is not taken' });
    case 'too-deep':
      throw new GatewayError('invalid_request', { detail: `the body is nested deeper than ${maxJsonDepth} levels` });
    default:
      return assertNever(parsed);
  }
}
