import { type MockInstance, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { openSite, type Site, support } from '../gateway/site.ts';
import { RestackStandIn } from '../gateway/stand-ins.ts';
import type { VendorRun } from '../gateway/vendor.ts';
import { AgUiClient } from './ag-ui-client.ts';

const message = { type: 'object', required: ['message'], properties: { message: { type: 'string' } } };
const resumption = { type: 'object', required: ['approved'], properties: { approved: { type: 'boolean' } } };
const interrupts = [{ interrupt_type: 'approval', interrupt_payload: {}, resume_payload: resumption }];

const agents: readonly JsonObject[] = [
  { ...support, mapping: { interrupt: 'output.interrupt' }, schemas: { input: message, output: {}, interrupts } },
  {
    ...support,
    name: 'tooled',
    schemas: {
      input: {
        type: 'object',
        properties: {
          messages: { type: 'array' },
          tools: { type: 'array' },
          context: { type: 'array' },
          state: {},
        },
      },
    },
  },
];

/** A gateway with AG-UI's client in front of it and a vendor behind it, which leaves its runs running. */
export class AgUiSite {
  static readonly resumption = resumption;
  readonly restack: RestackStandIn;
  readonly site: Site;
  readonly #output: readonly MockInstance[];
  #threads = 0;

  private constructor(restack: RestackStandIn, site: Site) {
    this.restack = restack;
    this.site = site;
    // The client warns of each member that the protocol does not have.
    this.#output = [
      vi.spyOn(console, 'warn').mockImplementation(() => {}),
      vi.spyOn(console, 'error').mockImplementation(() => {}),
    ];
    this.keepRunning();
  }

  static async open(): Promise<AgUiSite> {
    const restack = await RestackStandIn.open();
    return new AgUiSite(restack, await openSite({ restack, agents }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const spy of this.#output) spy.mockRestore();
    await this.site[Symbol.asyncDispose]();
    await this.restack[Symbol.asyncDispose]();
  }

  keepRunning(): void {
    this.restack.plan = () => ({ status: 'running' });
  }

  /** What the client has warned of since this was asked last. */
  warnings(): readonly unknown[] {
    const [warnings, errors] = this.#output;
    const seen = warnings?.mock.calls.slice() ?? [];
    warnings?.mockClear();
    errors?.mockClear();
    return seen;
  }

  urlOf(agent: string, query = ''): string {
    return `${this.site.client.url}/ag-ui/${agent}${query}`;
  }

  newThread(): string {
    this.#threads += 1;
    return `customer ${this.#threads}`;
  }

  /** The published client of a thread at the gateway; left out, of a new one. */
  client(threadId = this.newThread(), url = this.urlOf('support')): AgUiClient {
    return new AgUiClient(this.site.client.url, { threadId, url });
  }
}

export function complete(upstream: VendorRun, output: Json): void {
  upstream.say({ status: 'completed', output });
}
