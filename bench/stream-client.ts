import { connect } from 'node:net';

/** One reader of a run's events on a bare socket: it costs the machine as little as a client can. */
export type StreamClient = {
  /** Resolves with the instant (of `performance.now`) at which the text had come; rejects when the stream ends first. */
  whenSeen(text: string): Promise<number>;
  close(): void;
};

/** Of all clients: what came is taken out before the next one is read. Node would make a buffer for each read. */
const buffer = Buffer.alloc(65_536);

export function openStream({ hostname, port }: URL, runId: string): StreamClient {
  let received = '';
  let waiting: {
    readonly text: string;
    readonly resolve: (atMs: number) => void;
    readonly reject: (error: Error) => void;
  } | null = null;
  const take = (length: number): boolean => {
    const atMs = performance.now();
    received += buffer.toString('latin1', 0, length);
    if (waiting !== null && received.includes(waiting.text)) {
      waiting.resolve(atMs);
      waiting = null;
    }
    return true;
  };
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, onread: { buffer, callback: take } });
  socket.write(`GET /runs/${runId}/stream HTTP/1.1\r\nHost: ${hostname}\r\nAccept: text/event-stream\r\n\r\n`);
  const fail = (error?: Error): void =>
    waiting?.reject(error ?? new Error(`the stream ended: ${received.slice(-500)}`));
  socket.on('error', fail);
  socket.on('close', () => fail());
  return {
    whenSeen: (text) =>
      new Promise((resolve, reject) => {
        if (received.includes(text)) resolve(performance.now());
        else waiting = { text, resolve, reject };
      }),
    close: () => void socket.destroy(),
  };
}
