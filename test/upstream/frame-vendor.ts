import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

const [headers, settings, ping, goaway, reset] = [1, 4, 6, 7, 3];
const prefaceBytes = 24;
const ack = 1;

/** What a peer of the frame vendor may be sent. */
export type Frames = {
  /** The streams above the last one are not touched. */
  goaway(lastStreamId: number, code: number): void;
  reset(streamId: number, code: number): void;
  /** The final status 200 of a stream whose body follows. */
  beginAnswer(streamId: number): void;
  end(): void;
};

/** A server that speaks HTTP/2 frame by frame, because Node's own chooses the last stream of a GOAWAY itself. */
export async function startFrameVendor(
  onRequest: (frames: Frames, streamId: number, count: number) => void,
  greet: (frames: Frames) => void = () => {},
): Promise<{ readonly url: string; requests: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.write(frame(settings, 0, 0));
    const frames = framesOf(socket);
    greet(frames);
    let bytes: Buffer = Buffer.alloc(0);
    let isAfterPreface = false;
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (!isAfterPreface && bytes.length >= prefaceBytes) {
        isAfterPreface = true;
        bytes = bytes.subarray(prefaceBytes);
      }
      while (isAfterPreface && bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const [length, type, flags] = [bytes.readUIntBE(0, 3), bytes[3], bytes[4] ?? 0];
        const streamId = bytes.readUInt32BE(5);
        const payload = bytes.subarray(9, 9 + length);
        bytes = bytes.subarray(9 + length);
        const isAck = (flags & ack) !== 0;
        if (type === settings && !isAck) socket.write(frame(settings, ack, 0));
        if (type === ping && !isAck) socket.write(frame(ping, ack, 0, payload));
        if (type === headers) {
          vendor.requests += 1;
          onRequest(frames, streamId, vendor.requests);
        }
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const vendor = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: 0,
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
  return vendor;
}

function framesOf(socket: Socket): Frames {
  return {
    goaway: (lastStreamId, code) => socket.write(frame(goaway, 0, 0, numbers(lastStreamId, code))),
    reset: (streamId, code) => socket.write(frame(reset, 0, streamId, numbers(code))),
    // `:status: 200` is entry 8 of HPACK's static table; the flag says that the headers are complete.
    beginAnswer: (streamId) => socket.write(frame(headers, 4, streamId, Buffer.from([0x88]))),
    end: () => socket.end(),
  };
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}

function frame(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}
