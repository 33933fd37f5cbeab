import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Calls back once the answer was taken or its connection is gone. An answer that waits behind another one on its
 * connection hears nothing of the connection's end, so the socket is asked too.
 */
export function whenOver({ socket }: IncomingMessage, response: ServerResponse, callback: () => void): void {
  const over = (): void => {
    response.off('close', over);
    socket.off('close', over);
    callback();
  };
  response.once('close', over);
  // As many as a client pipelines.
  socket.setMaxListeners(0);
  socket.once('close', over);
}
