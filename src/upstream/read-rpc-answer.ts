import { UpstreamFault } from '../contract/adapter/http.ts';
import type { RpcAnswer, RpcCall } from '../contract/adapter/rpc.ts';
import type { Json } from '../contract/domain/json.ts';
import { readFrame } from './grpc-frame.ts';
import { faultOfFailure, makeFault, type ReadOptions, showHeaders, tidy } from './read-answer.ts';
import { type AnswerHeaders, readRetryAfterMs } from './retry-after.ts';
import { classifyRpcStatus, httpStatusOf, nameOfCode, readPushbackMs, readRpcStatus } from './rpc-status.ts';
import type { HttpResult } from './send-request.ts';
import { unpackAnswer } from './unpack-answer.ts';

type Arrived = Extract<HttpResult, { kind: 'answer' }>;

/**
 * Turns what came over the wire into the answer of a gRPC call; rejects with the {@link UpstreamFault} that it amounts to. The
 * status of gRPC stands, whatever HTTP says and however the body ends.
 */
export async function readRpcAnswer<T>(
  call: RpcCall<T>,
  result: HttpResult,
  options: ReadOptions,
): Promise<RpcAnswer<T>> {
  if (result.kind === 'failed') throw faultOfFailure(call, result, options);
  const { status, headers, trailers = {}, bytes } = result;
  const answered = readRpcStatus(headers, trailers);
  if (answered !== null && answered.code !== 0) throw refusal(call, answered, result, options);
  if (status < 200 || status >= 300 || bytes === null) throw httpRefusal(call, result, options);
  const type = headers['content-type'];
  if (typeof type !== 'string' || !/^application\/grpc(\+proto)?\s*(;|$)/i.test(type))
    throw malformed(call, 'is not gRPC', status);
  if (answered === null) throw malformed(call, 'ended without a gRPC status', status);
  const message = await readMessage(call, { ...result, bytes }, options);
  const raw = decode(call, message, options);
  const parsed = call.answer.safeParse(raw);
  if (!parsed.success) {
    const path = parsed.error.issues[0]?.path.join('.');
    throw malformed(call, `has not the expected shape${path === undefined || path === '' ? '' : ` (${path})`}`, status);
  }
  const { redactor } = options;
  return {
    body: parsed.data,
    raw,
    headers: showHeaders(headers, redactor),
    trailers: showHeaders(trailers, redactor),
    bytes: message.byteLength,
  };
}

async function readMessage<T>(
  call: RpcCall<T>,
  answer: Arrived & { readonly bytes: Uint8Array },
  options: ReadOptions,
): Promise<Uint8Array> {
  const frame = readFrame(answer.bytes);
  if (frame.kind === 'empty') throw malformed(call, 'has no message', answer.status);
  if (frame.kind === 'broken') throw malformed(call, frame.reason, answer.status);
  if (!frame.isCompressed) return frame.message;
  const encoding = answer.headers['grpc-encoding'];
  if (encoding !== 'gzip') throw malformed(call, 'is compressed in a way that was not asked for', answer.status);
  const packed = { ...answer, headers: { 'content-encoding': encoding }, bytes: frame.message };
  const unpacked = await unpackAnswer(packed, options.maxAnswerBytes);
  if (unpacked.kind === 'failed') throw faultOfFailure(call, unpacked, options);
  return unpacked.bytes ?? frame.message;
}

function decode<T>(call: RpcCall<T>, message: Uint8Array, { redactor }: ReadOptions): Json {
  let decoded: Json;
  try {
    decoded = call.decode(message);
  } catch (error) {
    const reason = error instanceof Error && error.message !== '' ? `: ${redactor.text(error.message)}` : '';
    throw malformed(call, `cannot be decoded${reason}`, 200);
  }
  // A backslash has the redactor look at every text: the bytes show no secret that is packed within them.
  return redactor.json(decoded, '\\');
}

function refusal<T>(
  call: RpcCall<T>,
  answered: NonNullable<ReturnType<typeof readRpcStatus>>,
  { headers, trailers = {} }: Arrived,
  { redactor }: ReadOptions,
): UpstreamFault {
  const { code, details } = answered;
  const message = tidy(redactor.text(answered.message)) ?? '';
  const rpc = { code, message, details };
  const all: AnswerHeaders = { ...headers, ...trailers };
  const httpStatus = httpStatusOf(code);
  const retryAfterMs = readPushbackMs(headers, trailers) ?? readRetryAfterMs(httpStatus, all, Date.now());
  return new UpstreamFault({
    consequence: call.meaningOf?.(rpc) ?? classifyRpcStatus(call, code, retryAfterMs),
    kind: 'http-status',
    message: message === '' ? `the vendor answered with the gRPC status ${nameOfCode(code)}` : message,
    httpStatus,
    rpc,
    retryAfterMs,
    headers: showHeaders(all, redactor),
  });
}

/** An answer of something in between that does not speak gRPC. */
function httpRefusal<T>(call: RpcCall<T>, { status, headers }: Arrived, { redactor }: ReadOptions): UpstreamFault {
  const retryAfterMs = readRetryAfterMs(status, headers, Date.now());
  return makeFault(
    call,
    { kind: 'http-status', status, isVendors: retryAfterMs !== null },
    {
      message: `the vendor answered ${status}`,
      httpStatus: status,
      retryAfterMs,
      headers: showHeaders(headers, redactor),
    },
  );
}

function malformed<T>(call: RpcCall<T>, what: string, httpStatus: number): UpstreamFault {
  return makeFault(call, { kind: 'malformed' }, { message: `the vendor's answer ${what}`, httpStatus });
}
