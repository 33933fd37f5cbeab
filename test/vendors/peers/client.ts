import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { AnswerHolder } from './answer-holder.ts';
import type { ListedRun, Peer } from './peers.ts';

const run = z.object({ run_id: z.string(), status: z.string() });
const waited = z.object({
  run,
  output: z
    .object({ type: z.string(), description: z.string().optional(), errcode: z.number().optional() })
    .loose()
    .optional(),
});

export type Waited = z.infer<typeof waited>;
export type StreamEvent = { readonly id: string; readonly data: string };
export type AgentInput = {
  readonly mode: 'echo' | 'slow' | 'fail' | 'ask';
  readonly text: string;
  readonly ms?: number;
};

const waitForVendorMs = 20_000;

/** A peer that takes requests, and the address at which the gateway calls it. */
export type RunningPeer = {
  readonly peer: Peer;
  readonly url: string;
  readonly answers: AnswerHolder;
  readonly heldUrl: string;
};

/** A client of ACP 0.2 for the agent of one peer, and a look at what the peer itself lists. */
export class PeerClient {
  readonly peer: Peer;
  /** Between the gateway and the vendor. */
  readonly answers: AnswerHolder;
  readonly #gatewayUrl: string;
  readonly #peerUrl: string;

  constructor(peer: RunningPeer, gatewayUrl: string) {
    this.peer = peer.peer;
    this.answers = peer.answers;
    this.#gatewayUrl = gatewayUrl;
    this.#peerUrl = peer.url;
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return await fetch(`${this.#gatewayUrl}/acp/v0.2${path}`, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(240_000),
    });
  }

  /** The id of a new run. */
  async create(input: AgentInput, more: object = {}, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const answer = await this.call('POST', '/runs', { agent_id: this.peer.name, input, ...more }, headers);
    return run.parse(await read(answer)).run_id;
  }

  async createAndWait(input: AgentInput): Promise<Waited> {
    return waited.parse(await read(await this.call('POST', '/runs/wait', { agent_id: this.peer.name, input })));
  }

  async wait(runId: string): Promise<Waited> {
    return waited.parse(await read(await this.call('GET', `/runs/${runId}/wait`)));
  }

  async search(filter: object): Promise<readonly string[]> {
    const answer = await this.call('POST', '/runs/search', { agent_id: this.peer.name, limit: 100, ...filter });
    return z
      .array(run)
      .parse(await read(answer))
      .map(({ run_id: id }) => id);
  }

  /** Events of a run's stream, to its end or as many as are wanted. */
  async stream(
    runId: string,
    { after, max = Infinity }: { after?: string; max?: number } = {},
  ): Promise<readonly StreamEvent[]> {
    const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': after };
    const answer = await this.call('GET', `/runs/${runId}/stream`, undefined, headers);
    if (answer.status === 204 || answer.body === null) return [];
    const events: StreamEvent[] = [];
    let text = '';
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const id = /^id: ?(.*)$/m.exec(block)?.[1];
        const data = /^data: ?(.*)$/m.exec(block)?.[1];
        if (id !== undefined && data !== undefined) events.push({ id, data });
        if (events.length >= max) return events;
      }
    }
    return events;
  }

  async listed(): Promise<readonly ListedRun[]> {
    return await this.peer.list(this.#peerUrl);
  }

  /** Resolves once the vendor's own list is as wanted; rejects with what it is instead. */
  async untilListed(what: string, isWanted: (runs: readonly ListedRun[]) => boolean): Promise<readonly ListedRun[]> {
    const deadlineMs = performance.now() + waitForVendorMs;
    for (;;) {
      const runs = await this.listed();
      if (isWanted(runs)) return runs;
      if (performance.now() > deadlineMs)
        throw new Error(`${what} is not what the vendor lists: ${runs.map(({ state }) => state).join(', ')}`);
      await sleep(100);
    }
  }
}

async function read(answer: Response): Promise<unknown> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the gateway answered ${answer.status}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
}
