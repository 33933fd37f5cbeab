import { createRequire } from 'node:module';
import { Client } from '@langchain/langgraph-sdk';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { ask, stringIn } from './protocols.ts';
import { openSite } from './site.ts';
import { RestackStandIn } from './stand-ins.ts';
import type { VendorRun } from './vendor.ts';

/** A chat that may ask before it answers: what it takes and gives are a text each. */
const talk: JsonObject = {
  name: 'talk',
  backend: 'restack',
  target: { agent: 'TalkAgent' },
  schemas: {
    input: { type: 'object', required: ['message'], properties: { message: { type: 'string' } } },
    output: { type: 'object', properties: { reply: { type: 'string' } } },
  },
  mapping: { interrupt: 'output.ask', output: "output.{ 'reply': reply }" },
};

/** An agent that takes and gives objects. */
const count: JsonObject = { name: 'count', backend: 'restack', target: { workflow: 'CountWorkflow' } };

/** What a stream gives, as clients of every version do. */
export type Part = { readonly id?: string; readonly event: string; readonly data: unknown };

/** RemoteGraph brings the line of the client that its publisher maintains beside the newest number. */
const inside = createRequire(createRequire(import.meta.url).resolve('@langchain/langgraph'));
const maintained = (await import(inside.resolve('@langchain/langgraph-sdk'))) as { readonly Client: typeof Client };

/** The published clients, unmodified. */
export const clients = { '2.0.0': Client, '1.15.0': maintained.Client } as const;

/** A gateway over a vendor whose every answer the test decides, and LangGraph's client in front of it. */
export class LangGraphSite implements AsyncDisposable {
  readonly vendor: RestackStandIn;
  readonly root: string;
  readonly url: string;
  readonly #stop: () => Promise<void>;

  private constructor(vendor: RestackStandIn, url: string, stop: () => Promise<void>) {
    this.vendor = vendor;
    this.root = url;
    this.url = `${url}/langgraph`;
    this.#stop = stop;
  }

  static async open(sections: JsonObject = {}): Promise<LangGraphSite> {
    const vendor = await RestackStandIn.open();
    const site = await openSite({ restack: vendor, agents: [talk, count], sections });
    return new LangGraphSite(vendor, site.client.url, async () => await site[Symbol.asyncDispose]());
  }

  /** A client that gives up at once, so that a failure is no wait. */
  client(version: keyof typeof clients = '2.0.0', apiUrl = this.url): Client {
    return new clients[version]({ apiUrl, apiKey: null, callerOptions: { maxRetries: 0 } });
  }

  /** What the vendor says of runs from now on. */
  plan(body: JsonObject): void {
    this.vendor.plan = () => body;
  }

  /** Resolves with the vendor's run of the next start from now on. */
  nextStart(): Promise<VendorRun> {
    const { runs, bell } = this.vendor;
    const index = runs.length;
    return bell.until(() => runs[index]);
  }

  async newThread(): Promise<string> {
    return stringIn((await ask(this.root, 'POST', '/agent-protocol/threads', {})).body, 'thread_id');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await this.vendor[Symbol.asyncDispose]();
  }
}

/** All that a stream gives. */
export async function collect(parts: AsyncIterable<Part>): Promise<readonly Part[]> {
  const all: Part[] = [];
  for await (const part of parts) all.push(part);
  return all;
}
