import fc from 'fast-check';
import { expect, test } from 'vitest';
import { framedBytes, frameMessage, readFrame } from '../../src/upstream/grpc-frame.ts';

test('a framed message is read as it was, at any place of a larger buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (message, offset) => {
      const framed = frameMessage(message);
      const within = Buffer.concat([Buffer.alloc(offset), framed]).subarray(offset);
      expect(framed.byteLength).toBe(framedBytes(message.byteLength));
      expect(readFrame(within)).toMatchObject({ kind: 'message', isCompressed: false });
      const read = readFrame(within);
      expect(read.kind === 'message' && Buffer.from(read.message).equals(message)).toBe(true);
    }),
  );
});

test.each([
  ['nothing', [], { kind: 'empty' }],
  ['half of a head', [0, 0, 0], { kind: 'broken', reason: 'ends within the head of a message' }],
  ['a message that is cut', [0, 0, 0, 0, 3, 1, 2], { kind: 'broken', reason: 'ends within a message' }],
  ['two messages', [0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0], { kind: 'broken', reason: 'has more than one message' }],
  ['a page of HTML', [...Buffer.from('<html>')], { kind: 'broken', reason: 'is not framed as gRPC has it' }],
])('%s is not one message', (_what, bytes, expected) => {
  expect(readFrame(Uint8Array.from(bytes))).toEqual(expected);
});

test('the flag of a compressed message is told', () => {
  expect(readFrame(Uint8Array.from([1, 0, 0, 0, 1, 9]))).toMatchObject({ kind: 'message', isCompressed: true });
});
