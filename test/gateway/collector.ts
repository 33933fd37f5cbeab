import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { Bell } from './bell.ts';

const attribute = z.object({ key: z.string(), value: z.looseObject({}) });
const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  startTimeUnixNano: z.string(),
  endTimeUnixNano: z.string(),
  attributes: z.array(attribute),
  status: z.looseObject({ code: z.number() }),
});
const request = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: z.array(attribute) }),
      scopeSpans: z.array(z.object({ spans: z.array(span) })),
    }),
  ),
});

export type CollectedSpan = z.infer<typeof span>;

/** A collector of traces that takes OTLP as JSON over HTTP. */
export class Collector implements AsyncDisposable {
  readonly #server = createServer();
  readonly #bell = new Bell();
  readonly spans: CollectedSpan[] = [];
  /** Headers of the last export. */
  headers: Readonly<Record<string, unknown>> = {};
  /** What every export is answered with. */
  status = 200;

  static async open(): Promise<Collector> {
    const collector = new Collector();
    collector.#server.on('request', async (incoming, response) => {
      const body = request.parse(JSON.parse(await text(incoming)));
      collector.headers = incoming.headers;
      for (const { scopeSpans } of body.resourceSpans)
        for (const { spans } of scopeSpans) collector.spans.push(...spans);
      response.writeHead(collector.status, { 'content-type': 'application/json' }).end('{}');
      collector.#bell.ring();
    });
    collector.#server.listen(0, '127.0.0.1');
    await once(collector.#server, 'listening');
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }

  /** Resolves once a span of this name is there, in the trace where one is given. */
  async span(name: string, traceId?: string): Promise<CollectedSpan> {
    return await this.#bell.until(() =>
      this.spans.find((each) => each.name === name && (traceId === undefined || each.traceId === traceId)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
