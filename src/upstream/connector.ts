import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { buildConnector } from 'undici';
import type { TlsOptions } from '../contract/adapter/http-client.ts';
import { outsideCalls } from './outside-calls.ts';
import { forgiveContinue } from './unasked-continue.ts';

/**
 * How long a fresh TCP connection is held before a request is written to it. The kernel accepts on behalf of a server
 * that is overloaded, starting or stopping, and the hang-up follows a moment later. A start that was written at once
 * would be lost in between with an unknown outcome; a hang-up that comes first proves that nothing was sent. With TLS
 * the handshake is that proof. A kept connection was held once, so a busy backend does not pay for this.
 */
const holdMs = 5;

export type ConnectorOptions = {
  /** Bounds TCP and TLS together. */
  readonly connectTimeoutMs: number;
  readonly tls?: TlsOptions | undefined;
};

/** Opens connections for HTTP/1.1 only. Throws where `tls` holds what is no certificate or key. */
export function buildHoldingConnector(options: ConnectorOptions): buildConnector.connector {
  const connect = connectOutside({ ...connectOptions(options), allowH2: false });
  return (target, done) =>
    connect(target, (...outcome) => {
      const [error, socket] = outcome;
      if (error === null) forgiveContinue(socket);
      if (error !== null || target.protocol === 'https:') done(...outcome);
      else hold(socket, done);
    });
}

/** `useH2c`: HTTP/2 without TLS as well; undici's types leave it out. */
const overHttp2 = { allowH2: true, preferH2: true, useH2c: true };

/**
 * Opens connections for HTTP/2 only: with TLS the peer has to choose it by ALPN, without TLS it is expected to know that it
 * is spoken to in HTTP/2.
 */
export function buildHttp2Connector(options: ConnectorOptions): buildConnector.connector {
  const connect = connectOutside({ ...connectOptions(options), ...overHttp2 });
  return (target, done) =>
    connect(target, (...outcome) => {
      const [error, socket] = outcome;
      if (error !== null) done(...outcome);
      else if (target.protocol !== 'https:') hold(socket, done);
      else if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') done(...outcome);
      else {
        socket.destroy();
        done(Object.assign(new Error('the peer does not speak HTTP/2'), { code: 'ERR_NO_HTTP2' }), null);
      }
    });
}

/** A connection serves many calls, so it belongs to none of them. */
export function connectOutside(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = buildConnector(options);
  return (target, done) => outsideCalls(() => connect(target, done));
}

/** Loads certificates and key once, instead of for each connection. */
function connectOptions({ connectTimeoutMs, tls = {} }: ConnectorOptions) {
  const { ca, cert, key, serverName } = tls;
  const isOwn = ca !== undefined || cert !== undefined || key !== undefined;
  return {
    timeout: connectTimeoutMs,
    ...(isOwn ? { secureContext: createSecureContext({ ca, cert, key }) } : {}),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
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
