import type { IncomingMessage } from 'node:http';
import type { Context } from 'koa';
import { HttpMethodEnum, koaBody } from 'koa-body';
import { z } from 'zod';
import { GatewayError } from '../contract/errors.ts';

export type BodyLimits = {
  readonly maxBodyBytes: number;
  /** How deep objects and arrays may stand in each other: what works on them later is recursive. */
  readonly maxJsonDepth: number;
};

/** Reads a request's body as JSON, whatever its value; undefined where there is none. */
export type BodyReader = (context: Context) => Promise<unknown>;

/** What koa-body and the packages beneath it throw, as far as it is told apart here. */
const readFault = z.object({ status: z.number().optional(), type: z.string().optional(), message: z.string() });

const nothingMore = async (): Promise<void> => {};

/** Makes a reader that throws `malformed_json`, `body_too_large`, `unsupported_media_type` or `invalid_request`. */
export function createBodyReader({ maxBodyBytes, maxJsonDepth }: BodyLimits): BodyReader {
  const parse = koaBody({
    jsonLimit: maxBodyBytes,
    // The payload that resumes a run may be any JSON value.
    jsonStrict: false,
    jsonTypes: ['application/json'],
    // An empty body and the empty string look alike once parsed.
    includeUnparsed: true,
    text: false,
    urlencoded: false,
    parsedMethods: [HttpMethodEnum.POST, HttpMethodEnum.PUT, HttpMethodEnum.PATCH, HttpMethodEnum.DELETE],
  });
  return async (context) => {
    if (!hasBody(context)) return undefined;
    if (context.headers['content-encoding'] !== undefined) outliveUnpacking(context.req);
    try {
      await parse(context, nothingMore);
    } catch (fault) {
      abandonBody(context);
      throw explainFault(fault, maxBodyBytes);
    }
    const { body, rawBody } = context.request;
    if (rawBody === undefined) throw new GatewayError('unsupported_media_type');
    if (rawBody === '') return undefined;
    // Each level takes two characters.
    if (rawBody.length > 2 * maxJsonDepth) checkDepth(body, maxJsonDepth);
    return body;
  };
}

function hasBody({ headers }: Context): boolean {
  if (headers['transfer-encoding'] !== undefined) return true;
  const length = headers['content-length'];
  return length !== undefined && length !== '0';
}

/**
 * Whoever reads the body stops listening once it is too large; what unpacks it goes on with what it has, and an error of
 * it that nobody listens to would end the process.
 */
function outliveUnpacking(request: IncomingMessage): void {
  const pipe = request.pipe.bind(request);
  request.pipe = (unpacking, options) => {
    unpacking.on('error', () => {});
    return pipe(unpacking, options);
  };
}

/** Lets the rest of a refused body flow away, or the connection could carry no further request. */
function abandonBody({ req }: Context): void {
  req.unpipe();
  req.resume();
}

function explainFault(fault: unknown, maxBodyBytes: number): GatewayError {
  const { status, type, message } = readFault.catch({ message: '' }).parse(fault);
  if (status === 413) {
    return new GatewayError('body_too_large', { detail: `at most ${maxBodyBytes} bytes are taken`, cause: fault });
  }
  if (status === 415) {
    return new GatewayError('unsupported_media_type', { detail: 'the content encoding is not known', cause: fault });
  }
  if (type !== undefined) {
    return new GatewayError('malformed_json', { detail: 'the body was cut off', cause: fault });
  }
  if (!(fault instanceof SyntaxError)) {
    return new GatewayError('malformed_json', { detail: 'the content encoding is broken', cause: fault });
  }
  // The parser's error quotes and carries the body: it goes neither out nor to the log.
  const position = /position (\d+)/.exec(message)?.[1];
  const detail = message.includes('prototype') ? 'the key "__proto__" is not taken' : undefined;
  return new GatewayError('malformed_json', {
    detail: position === undefined ? detail : `see position ${position}`,
  });
}

/** Goes level by level, so that its own depth is one. */
export function checkDepth(value: unknown, maxJsonDepth: number): void {
  let level: readonly object[] = isContainer(value) ? [value] : [];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > maxJsonDepth) {
      throw new GatewayError('invalid_request', { detail: `the body is nested deeper than ${maxJsonDepth} levels` });
    }
    level = level.flatMap((container) => Object.values(container).filter(isContainer));
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
