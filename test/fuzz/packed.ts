import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc, { type Arbitrary } from 'fast-check';
import type { OperationRequest } from './requests.ts';

const packings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync } as const;

/** As it is, with a bit of it turned over, cut short, followed by something, or followed by itself. */
type Flaw = 'none' | 'flip' | 'cut' | 'tail' | 'twice';

const packedShape = fc.record({
  packing: fc.constantFrom(...(Object.keys(packings) as (keyof typeof packings)[])),
  flaw: fc.constantFrom<Flaw>('none', 'flip', 'cut', 'tail', 'twice'),
  /** Counted from the end. */
  place: fc.integer({ min: 1, max: 40 }),
  /** Of blanks in front, up to more than the gateway takes. */
  padding: fc.constantFrom(0, 1000, 1_048_600, 1_060_000, 1_100_000, 1_500_000),
});

/** The same request with a packed body, which may be broken, too large, or both. */
export function packed(requests: Arbitrary<OperationRequest>): Arbitrary<OperationRequest> {
  return fc.tuple(requests, packedShape).map(([request, { packing, flaw, place, padding }]) => {
    const text = typeof request.body === 'string' ? request.body : '{}';
    const whole = packings[packing](Buffer.concat([Buffer.alloc(padding, ' '), Buffer.from(text)]));
    const headers = { ...request.headers, 'content-encoding': packing };
    return { ...request, headers, body: Uint8Array.from(spoil(whole, flaw, Math.min(place, whole.length))) };
  });
}

function spoil(whole: Uint8Array, flaw: Flaw, place: number): Uint8Array {
  switch (flaw) {
    case 'none':
      return whole;
    case 'flip':
      return Uint8Array.from(whole, (byte, at) => (at === whole.length - place ? byte ^ 0x55 : byte));
    case 'cut':
      return whole.subarray(0, whole.length - place);
    case 'tail':
      return Buffer.concat([whole, Buffer.alloc(place, 7)]);
    case 'twice':
      return Buffer.concat([whole, whole.subarray(Math.min(place, 10))]);
    default:
      return flaw satisfies never;
  }
}
