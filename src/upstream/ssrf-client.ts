import { Agent } from 'undici';
import { readRetryAfterMs } from './retry-after.ts';
import { buildGuardedConnector, ForbiddenAddress, type GuardOptions } from './ssrf-connector.ts';

export type OutboundPost = {
  /** Checked by `refuseUrl` when the client sent it; its host is checked again here. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
};

export type OutboundAnswer =
  /** With any status: a redirect is an answer like any other and is never followed. */
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs: number | null }
  /** The URL leads to an address that clients must not reach through the gateway; it may lead elsewhere later. */
  | { readonly kind: 'forbidden'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** Posts to URLs that clients gave. */
export type OutboundClient = {
  /** Never rejects, and settles within the client's `timeoutMs`. */
  post(post: OutboundPost): Promise<OutboundAnswer>;
  /** Aborts the requests under way. */
  close(): Promise<void>;
};

/** A receiver's answer is read for its status only; more of its body than this closes the connection. */
const maxAnswerBytes = 16_384;
const maxConnectionsPerOrigin = 4;

/** Makes a client that reaches public addresses only. Opens nothing until the first call. */
export function createOutboundClient(options: GuardOptions & { readonly timeoutMs: number }): OutboundClient {
  const agent = new Agent({
    connect: buildGuardedConnector(options),
    connections: maxConnectionsPerOrigin,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 4000,
    maxHeaderSize: 16_384,
  });
  return {
    async post({ url, headers, body, signal }) {
      const { origin, pathname, search } = new URL(url);
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
      try {
        const request = { origin, path: pathname + search, method: 'POST', headers, body, signal: deadline } as const;
        const answer = await agent.request(request);
        const { statusCode: status } = answer;
        // The status stands, even if the body is cut or endless.
        await answer.body.dump({ limit: maxAnswerBytes, signal: deadline }).catch(() => answer.body.destroy());
        return { kind: 'answered', status, retryAfterMs: readRetryAfterMs(status, answer.headers, Date.now()) };
      } catch (error) {
        if (error instanceof ForbiddenAddress) return { kind: 'forbidden', reason: error.message };
        return { kind: 'failed', reason: describe(error, deadline) };
      }
    },
    close: () => agent.destroy(),
  };
}

function describe(error: unknown, deadline: AbortSignal): string {
  if (deadline.aborted) return 'no answer in time';
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return `${code} ${error instanceof Error ? error.message : 'unknown'}`.trim();
}
