import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createUnzip } from 'node:zlib';
import type { Context } from 'koa';
import readRaw from 'raw-body';
import { z } from 'zod';
import { assertNever } from '../contract/domain/assert-never.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import { parseJson } from '../json/parse-json.ts';

export type BodyLimits = {
  readonly maxBodyBytes: number;
  /** How deep objects and arrays may stand in each other: what works on them later is recursive. */
  readonly maxJsonDepth: number;
};

/** Reads a request's body as JSON, whatever its value; undefined where there is none. */
export type BodyReader = (context: Context) => Promise<unknown>;

/** What reading throws, as far as it is told apart here. */
const readFault = z.object({ status: z.number().optional(), type: z.string().optional() });

const jsonType = 'application/json';
/** Leaves out a byte order mark. */
const utf8 = new TextDecoder();

/** Makes a reader that throws `malformed_json`, `body_too_large`, `unsupported_media_type` or `invalid_request`. */
export function createBodyReader({ maxBodyBytes, maxJsonDepth }: BodyLimits): BodyReader {
  return async (context) => {
    if (!hasBody(context)) return undefined;
    // Nearly everybody sends just that.
    const isJson = context.headers['content-type'] === jsonType || context.is(jsonType) === jsonType;
    if (!isJson) throw new GatewayError('unsupported_media_type');
    const text = await readText(context.req, maxBodyBytes);
    if (text === '') return undefined;
    return parseClientJson(text, maxJsonDepth);
  };
}

function hasBody({ headers }: Context): boolean {
  if (headers['transfer-encoding'] !== undefined) return true;
  const length = headers['content-length'];
  return length !== undefined && length !== '0';
}

async function readText(request: IncomingMessage, maxBodyBytes: number): Promise<string> {
  try {
    const unpacked = unpack(request);
    // How long it is unpacked nobody has said.
    const length = unpacked === request ? request.headers['content-length'] : null;
    return utf8.decode(await readRaw(unpacked, { length, limit: maxBodyBytes }));
  } catch (fault) {
    // The rest of a refused body flows away, or the connection could carry no further request.
    request.unpipe();
    request.resume();
    throw fault instanceof GatewayError ? fault : explainReading(fault, maxBodyBytes);
  }
}

function unpack(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return request;
  const unpacking = createUnpacking(encoding);
  // Whoever reads the body stops listening once it is too large; what unpacks it goes on with what it has, and an error
  // of it that nobody listens to would end the process.
  unpacking.on('error', () => {});
  // What a cut off request flows into does not end with it, and its reader would wait for ever.
  request.once('error', (fault) => unpacking.destroy(fault));
  return request.pipe(unpacking);
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

/** Parses what a client sent. Throws `malformed_json`, or `invalid_request` for a value that is nested too deeply. */
export function parseClientJson(text: string, maxJsonDepth: number): unknown {
  const parsed = parseJson(text, { maxDepth: maxJsonDepth, protoKeys: 'refuse' });
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
