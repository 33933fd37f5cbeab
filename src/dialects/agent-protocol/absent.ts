import { type Operation, operation } from '../../contract/dialect.ts';
import { GatewayError } from '../../contract/errors.ts';
import { answersOf } from '../answers.ts';
import { noBody, nothing } from '../requests.ts';
import { answers } from './schemas.ts';

const noEventProtocol =
  'vendors tell of neither tokens nor steps nor tools; a run is streamed under /runs/{run_id}/stream';

/** What the protocol has and the gateway does not serve, each with the reason that a caller is told. */
const absent = [
  ['open_thread_sse_stream', 'POST', '/threads/:thread_id/stream', 'Open Thread SSE Stream', noEventProtocol],
  [
    'open_thread_websocket_stream',
    'GET',
    '/threads/:thread_id/stream',
    'Open Thread WebSocket Stream',
    noEventProtocol,
  ],
  [
    'send_thread_streaming_command',
    'POST',
    '/threads/:thread_id/commands',
    'Send Thread Streaming Command',
    noEventProtocol,
  ],
] as const;

/** Rows that say why they are not served, whatever they are sent, so that nobody takes it for a misspelt path. */
export function createAbsentOperations(): readonly Operation[] {
  return absent.map(([id, method, path, summary, reason]) =>
    operation({
      id,
      method,
      path,
      summary,
      absent: reason,
      params: nothing,
      query: nothing,
      body: noBody,
      answers: answersOf(answers.ErrorResponse, {}, [404]),
      handle: async () => {
        throw new GatewayError('not_served', { detail: reason });
      },
    }),
  );
}
