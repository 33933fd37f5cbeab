import { type CallRule, type Consequence, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type Footing, handshake, isModern, type Peer } from './peer.ts';
import type { Settings } from './settings.ts';
import { initializeResult, legacy, modern, toolsResult } from './wire.ts';

/** More pages of tools than any server has. */
const maxPages = 20;

/** What is known of a server once it has been asked. */
export type Ground = {
  readonly footing: Footing;
  /** Whether a call of this tool makes a task. The newer revision leaves it to the server. */
  makesTask(tool: string): boolean;
};

/** Nothing is started by what is asked before the first call. */
const handshakeRule = { purpose: 'handshake', retry: 'safe' } as const satisfies CallRule & {
  readonly purpose: string;
};

/** Knows on what footing a server is spoken to: asked once for all calls, and anew once its session is over. */
export class Footings {
  readonly #peer: Peer;
  readonly #protocol: Settings['protocol'];
  #ground: Ground | null = null;
  #laying: Promise<Ground> | null = null;

  constructor(peer: Peer, protocol: Settings['protocol']) {
    this.#peer = peer;
    this.#protocol = protocol;
  }

  /** The ground that all calls share. `refused` is what a refusal means to the call that needs it. */
  async find(refused: Consequence): Promise<Ground> {
    if (this.#ground !== null) return this.#ground;
    this.#laying ??= this.#lay().finally(() => {
      this.#laying = null;
    });
    try {
      this.#ground = await this.#laying;
      return this.#ground;
    } catch (error) {
      if (error instanceof UpstreamFault && error.consequence === 'rejected') throw withConsequence(error, refused);
      throw error;
    }
  }

  /** The server no longer knows this session. */
  drop(footing: Footing): void {
    if (this.#ground?.footing === footing) this.#ground = null;
  }

  async #lay(): Promise<Ground> {
    const isNew = this.#protocol === modern || (this.#protocol === 'auto' && (await this.#discover()));
    return isNew ? { footing: { protocol: modern }, makesTask: () => true } : await this.#initialize();
  }

  /** A server of an older revision refuses the question in one way or another. */
  async #discover(): Promise<boolean> {
    try {
      const request = { ...handshakeRule, method: 'server/discover', params: {} };
      const { message } = await this.#peer.request({ protocol: modern }, request);
      const versions = message.kind === 'result' ? message.result.supportedVersions : undefined;
      return !Array.isArray(versions) || versions.includes(modern);
    } catch (error) {
      const isOlder =
        error instanceof UpstreamFault &&
        error.consequence === 'rejected' &&
        error.httpStatus !== 401 &&
        error.httpStatus !== 403;
      if (isOlder) return false;
      throw error;
    }
  }

  async #initialize(): Promise<Ground> {
    const params = { protocolVersion: legacy, ...handshake };
    const { message, sessionId } = await this.#peer.request(null, { ...handshakeRule, method: 'initialize', params });
    const result = initializeResult.safeParse(message.kind === 'result' ? message.result : null);
    if (!result.success) throw unreadable('initialize');
    const { protocolVersion, capabilities } = result.data;
    const footing: Footing = { protocol: protocolVersion, sessionId };
    await this.#peer.post(footing, handshakeRule, { method: 'notifications/initialized' });
    const hasTasks = capabilities.tasks?.requests?.tools?.call !== undefined;
    const tasks = hasTasks ? await this.#listTaskTools(footing) : new Set<string>();
    return { footing, makesTask: (tool) => tasks.has(tool) };
  }

  async #listTaskTools(footing: Footing): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    let cursor: string | undefined;
    for (let page = 0; page < maxPages; page += 1) {
      const params: JsonObject = cursor === undefined ? {} : { cursor };
      const { message } = await this.#peer.request(footing, { ...handshakeRule, method: 'tools/list', params });
      const result = toolsResult.safeParse(message.kind === 'result' ? message.result : null);
      if (!result.success) throw unreadable('tools/list');
      for (const { name, execution } of result.data.tools)
        if (execution?.taskSupport === 'optional' || execution?.taskSupport === 'required') found.add(name);
      cursor = result.data.nextCursor ?? undefined;
      if (cursor === undefined) break;
    }
    return found;
  }
}

function unreadable(method: string): UpstreamFault {
  return new UpstreamFault({
    consequence: 'retry',
    kind: 'malformed',
    message: `the answer to ${method} has not the expected shape`,
  });
}

function withConsequence(fault: UpstreamFault, consequence: Consequence): UpstreamFault {
  const { kind, message, httpStatus, retryAfterMs, step, vendorStatus, answer, headers, cause } = fault;
  const details = { kind, message, httpStatus, retryAfterMs, step, vendorStatus, answer, headers, cause };
  return new UpstreamFault({ consequence, ...details });
}

/** The session that a run was started in; undefined where it needs none. */
export function sessionOf(footing: Footing): string | undefined {
  return isModern(footing) ? undefined : (footing.sessionId ?? undefined);
}
