import type { ServerResponse } from 'node:http';
import type { UnsentBytes } from './unsent-bytes.ts';
import { whenOver } from './when-over.ts';

/**
 * Cuts the connection off if the other side takes nothing of the answer for `slowReaderMs`; Node counts what it takes as
 * life. It would count what the other side sends as life too, so that is left unread until the returned function lifts
 * the bound.
 */
export function boundReading(response: ServerResponse, slowReaderMs: number): () => void {
  const { socket } = response;
  response.setTimeout(slowReaderMs);
  socket?.pause();
  return () => socket?.resume();
}

/** The same for an answer that is written whole: a client that asks for much and takes nothing must not hold it for ever. */
export function boundAnswer(response: ServerResponse, slowReaderMs: number, unsent: UnsentBytes): void {
  if (!response.writableEnded || response.writableLength === 0) return;
  const { req, writableLength: bytes } = response;
  const cut = (): void => {
    held.release();
    req.socket.destroy();
  };
  const held = unsent.hold(req.socket.remoteAddress ?? '', { content: response, bytes, cut, mustHold: true });
  const lift = boundReading(response, slowReaderMs);
  whenOver(req, response, () => {
    held.release();
    lift();
  });
}
