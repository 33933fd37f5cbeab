import OpenAI from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { openSite, type Site, support } from '../gateway/site.ts';
import { RestackStandIn } from '../gateway/stand-ins.ts';
import type { VendorRun } from '../gateway/vendor.ts';

const message = { type: 'object', required: ['message'], properties: { message: { type: 'string' } } };
const resumption = { type: 'object', required: ['approved'], properties: { approved: { type: 'boolean' } } };
const interrupts = [{ interrupt_type: 'approval', interrupt_payload: {}, resume_payload: resumption }];

export const question = { interrupt_type: 'approval', question: 'Refund 12.50?' };

/** Of a page that may use the gateway. */
const origin = 'https://app.example';

const agents: readonly JsonObject[] = [
  { ...support, mapping: { interrupt: 'output.interrupt' }, schemas: { input: message, output: {}, interrupts } },
  {
    ...support,
    name: 'messenger',
    schemas: { input: { type: 'object', properties: { messages: { type: 'array' } } } },
  },
];

/** A gateway with OpenAI's SDK in front of it and a vendor behind it, which leaves its runs running. */
export class OpenAiSite {
  readonly restack: RestackStandIn;
  readonly site: Site;
  readonly client: OpenAI;

  private constructor(restack: RestackStandIn, site: Site) {
    this.restack = restack;
    this.site = site;
    this.client = new OpenAI({ baseURL: `${site.client.url}/v1`, apiKey: 'none', maxRetries: 0 });
    this.keepRunning();
  }

  static async open(): Promise<OpenAiSite> {
    const restack = await RestackStandIn.open();
    const sections = { server: { port: 0, cors: { origins: [origin] } } };
    return new OpenAiSite(restack, await openSite({ restack, agents, sections }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site[Symbol.asyncDispose]();
    await this.restack[Symbol.asyncDispose]();
  }

  /** Names of headers that a page of another origin may send, in lower case. */
  async allowedHeaders(): Promise<readonly string[]> {
    const { headers } = await fetch(`${this.site.client.url}/v1/responses`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
    return (headers.get('access-control-allow-headers') ?? '').toLowerCase().split(/, ?/);
  }

  keepRunning(output: Json = null): void {
    this.restack.plan = () => ({ status: 'running', output });
  }

  /** The vendor answers every run at once. */
  answerWith(output: Json): void {
    this.restack.plan = () => ({ status: 'completed', output });
  }

  /** The vendor's newest run of such an input. */
  async runOf(text: string): Promise<VendorRun> {
    return await this.restack.bell.until(() =>
      this.restack.runs.findLast(({ asked }) => JSON.stringify(asked.body).includes(text)),
    );
  }
}

export function complete(upstream: VendorRun, output: Json): void {
  upstream.say({ status: 'completed', output });
}

export async function eventsOf(stream: AsyncIterable<ResponseStreamEvent>): Promise<readonly ResponseStreamEvent[]> {
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

export function typesOf(events: readonly ResponseStreamEvent[]): readonly string[] {
  return events.map(({ type }) => type.replace(/^response\./, ''));
}

export function textOf(events: readonly ResponseStreamEvent[]): string {
  return events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');
}

export function lastNumber(events: readonly ResponseStreamEvent[]): number {
  return events.at(-1)?.sequence_number ?? 0;
}

/** Of a response with one message whose text comes at once, after its beginning. */
export const messageTypes = [
  ...['output_item.added', 'content_part.added', 'output_text.delta'],
  ...['output_text.done', 'content_part.done', 'output_item.done', 'completed'],
];
