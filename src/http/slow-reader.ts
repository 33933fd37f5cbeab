import type { ServerResponse } from 'node:http';

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
export function boundAnswer(response: ServerResponse, slowReaderMs: number): void {
  if (!response.writableEnded || response.writableLength === 0) return;
  response.once('close', boundReading(response, slowReaderMs));
}
