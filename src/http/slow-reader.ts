import type { ServerResponse } from 'node:http';

/**
 * Cuts the connection off if the other side takes nothing of the answer for `slowReaderMs`; Node counts what it takes as
 * life. It would count what is sent meanwhile too, so that is left unread until the bound is lifted by what is given
 * back.
 */
export function boundReading(response: ServerResponse, slowReaderMs: number): () => void {
  const { socket } = response;
  response.setTimeout(slowReaderMs);
  socket?.pause();
  return () => socket?.resume();
}
