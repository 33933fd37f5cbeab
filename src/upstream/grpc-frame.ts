/** Of a frame: a flag that says whether the message is compressed, and its length in four bytes. */
const headBytes = 5;

/** Puts a message into the frame that gRPC has over HTTP/2 (`Length-Prefixed-Message`). */
export function frameMessage(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(headBytes + message.byteLength);
  framed[0] = 0;
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, headBytes);
  return framed;
}

export type Frame =
  | { readonly kind: 'message'; readonly message: Uint8Array; readonly isCompressed: boolean }
  /** No message at all, as beside an error status. */
  | { readonly kind: 'empty' }
  /** `reason` completes "the vendor's answer". */
  | { readonly kind: 'broken'; readonly reason: string };

/** Takes the one message of a unary answer out of its frame. */
export function readFrame(bytes: Uint8Array): Frame {
  if (bytes.byteLength === 0) return { kind: 'empty' };
  if (bytes.byteLength < headBytes) return { kind: 'broken', reason: 'ends within the head of a message' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flag = view.getUint8(0);
  const end = headBytes + view.getUint32(1);
  if (flag > 1) return { kind: 'broken', reason: 'is not framed as gRPC has it' };
  if (bytes.byteLength < end) return { kind: 'broken', reason: 'ends within a message' };
  if (bytes.byteLength > end) return { kind: 'broken', reason: 'has more than one message' };
  return { kind: 'message', message: bytes.subarray(headBytes), isCompressed: flag === 1 };
}

/** What a message may take on the wire. */
export function framedBytes(messageBytes: number): number {
  return headBytes + messageBytes;
}
