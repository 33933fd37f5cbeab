import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { HttpResult } from './send-request.ts';

type Answer = Extract<HttpResult, { kind: 'answer' }>;
type Unpack = (bytes: Uint8Array, maxOutputLength: number) => Promise<Uint8Array>;

/** What vendors are asked for. */
export const acceptedEncodings = 'gzip, deflate, br, zstd';

const [gunzip, inflate, inflateRaw] = [promisify(zlib.gunzip), promisify(zlib.inflate), promisify(zlib.inflateRaw)];
const [brotliDecompress, zstdDecompress] = [promisify(zlib.brotliDecompress), promisify(zlib.zstdDecompress)];
/** Eight MiB, as RFC 9659 has it: a frame may ask for much more memory than its content takes. */
const zstdParams = { [zlib.constants.ZSTD_d_windowLogMax]: 23 };

const unpackers: ReadonlyMap<string, Unpack> = new Map<string, Unpack>([
  ['gzip', (bytes, maxOutputLength) => gunzip(bytes, { maxOutputLength })],
  ['x-gzip', (bytes, maxOutputLength) => gunzip(bytes, { maxOutputLength })],
  // Some servers leave out the header of zlib.
  ['deflate', (bytes, maxOutputLength) => (isZlib(bytes) ? inflate : inflateRaw)(bytes, { maxOutputLength })],
  ['br', (bytes, maxOutputLength) => brotliDecompress(bytes, { maxOutputLength })],
  ['zstd', (bytes, maxOutputLength) => zstdDecompress(bytes, { maxOutputLength, params: zstdParams })],
]);
/** Proxies may pack an answer that is packed already. */
const maxLayers = 3;

export function isPacked(result: HttpResult): result is Answer {
  return result.kind === 'answer' && result.headers['content-encoding'] !== undefined && result.bytes !== null;
}

/** Unpacks an answer off the event loop, to `maxBytes` at most. An error answer that cannot be unpacked keeps its status. */
export async function unpackAnswer(answer: Answer, maxBytes: number): Promise<HttpResult> {
  const refuse = (message: string): HttpResult => ({
    kind: 'failed',
    happening: { kind: 'malformed' },
    cause: 'content encoding',
    message,
    status: answer.status,
  });
  const fail = (failed: HttpResult): HttpResult => (answer.status >= 300 ? { ...answer, bytes: null } : failed);
  let bytes = answer.bytes ?? new Uint8Array();
  if (bytes.byteLength === 0) return answer;
  const layers = namesOf(answer.headers['content-encoding']);
  if (layers.length > maxLayers) return fail(refuse("the vendor's answer is packed too often"));
  for (const name of layers.toReversed()) {
    const unpack = unpackers.get(name);
    if (unpack === undefined) return fail(refuse("the vendor's answer has a content encoding that was not asked for"));
    try {
      bytes = await unpack(bytes, maxBytes);
    } catch (error) {
      const isTooLarge = error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
      return fail(
        isTooLarge
          ? { ...tooLarge, status: answer.status }
          : refuse(`the content encoding ${name} of the vendor's answer is broken`),
      );
    }
  }
  return { ...answer, bytes };
}

const tooLarge = {
  kind: 'failed',
  happening: { kind: 'too-large' },
  cause: 'the unpacked answer is over its limit',
} as const satisfies HttpResult;

function namesOf(header: string | readonly string[] | undefined): readonly string[] {
  return String(header ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
}

/** By the two bytes of zlib's header, which is a multiple of 31. */
function isZlib(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  return (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0;
}
