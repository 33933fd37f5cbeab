import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import { forgiveContinue } from './unasked-continue.ts';

/**
 * How long a fresh TCP connection is held before a request is written to it. The kernel accepts on behalf of a server
 * that is overloaded, starting or stopping, and the hang-up follows a moment later. A start that was written at once
 * would be lost in between with an unknown outcome; a hang-up that comes first proves that nothing was sent. With TLS
 * the handshake is that proof. A kept connection was held once, so a busy backend does not pay for this.
 */
const holdMs = 5;

/** Opens connections for the pool, HTTP/1.1 only; `connectTimeoutMs` bounds TCP and TLS together. */
export function buildHoldingConnector(connectTimeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: connectTimeoutMs, allowH2: false });
  return (options, done) =>
    connect(options, (...outcome) => {
      const [error, socket] = outcome;
      if (error === null) forgiveContinue(socket);
      if (error !== null || options.protocol === 'https:') done(...outcome);
      else hold(socket, done);
    });
}

function hold(socket: Socket, done: buildConnector.Callback): void {
  const release = () => {
    clearTimeout(timer);
    clearImmediate(immediate);
    socket.off('end', onHangUp).off('error', onHangUp).off('close', onHangUp);
  };
  const onHangUp = () => {
    release();
    socket.destroy();
    // Not one of undici's own socket errors: on those its client silently connects again.
    done(Object.assign(new Error('the peer closed a fresh connection'), { code: 'ECONNRESET' }), null);
  };
  const onHeld = () => {
    release();
    done(null, socket);
  };
  let immediate: NodeJS.Immediate | undefined;
  // An immediate runs after the poll phase, so a hang-up that waited behind a busy event loop is seen first.
  const timer = setTimeout(() => {
    immediate = setImmediate(onHeld);
  }, holdMs);
  socket.once('end', onHangUp).once('error', onHangUp).once('close', onHangUp);
}
