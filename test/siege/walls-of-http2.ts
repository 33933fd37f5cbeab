import type { Wall } from './wall.ts';

const tests = ['test/upstream/rpc-connections.test.ts'];

/** What is known of a gRPC call whose answer did not come. */
export const wallsOfHttp2: readonly Wall[] = [
  {
    name: 'a refused stream was not touched',
    file: 'src/upstream/send-request.ts',
    from: 'return error.http2ErrorCode === refusedStream;',
    to: 'return false;',
    tests,
  },
  {
    name: 'a stream above the last one of a GOAWAY was not touched',
    file: 'src/upstream/send-request.ts',
    from: '"GOAWAY" frame received|',
    to: '"NOAWAY" frame received|',
    tests,
  },
  {
    name: 'a stream whose answer has begun was touched',
    file: 'src/upstream/send-request.ts',
    from: ' && this.#status === 0 && saysUntouched',
    to: ' && saysUntouched',
    tests,
  },
  {
    name: 'undici sends no refused request again by itself',
    file: 'src/upstream/send-request.ts',
    from: '{ ...request, body: options.body }',
    to: '{ ...request, body: Buffer.concat([...options.body]) }',
    tests,
  },
  {
    name: 'a hang-up that has arrived is seen before a stream is opened',
    file: 'src/upstream/rpc-pool.ts',
    from: '    await nextTurn();\n    await nextTurn();',
    to: '',
    tests,
  },
  {
    name: 'a connection on which nothing arrives is replaced',
    file: 'src/upstream/rpc-pool.ts',
    from: 'headersTimeout: lateMs, bodyTimeout: lateMs',
    to: 'headersTimeout: 0, bodyTimeout: 0',
    tests,
  },
  {
    name: 'held streams leave half for other calls',
    file: 'src/upstream/rpc-pool.ts',
    from: 'Math.min(maxStreams, this.#peerMaxStreams)) / 2',
    to: 'maxStreams) / 2',
    tests,
  },
];
