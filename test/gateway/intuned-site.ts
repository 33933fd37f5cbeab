import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { ask } from './protocols.ts';
import { openSite, type Site, type SiteOptions, scraper } from './site.ts';
import { IntunedStandIn, secrets } from './stand-ins.ts';

export const prefix = '/intuned/api/v1/workspace';

/** A client of the vendor that has changed an address: it knows the vendor's paths and bodies alone. */
export type IntunedSite = AsyncDisposable & {
  readonly vendor: IntunedStandIn;
  readonly site: Site;
  ask(
    method: string,
    path: string,
    body?: Json,
    headers?: JsonObject,
  ): Promise<{ status: number; headers: Headers; body: Json }>;
  /** The answer to a start at the project `shop`. */
  start(body: JsonObject, headers?: JsonObject): Promise<{ status: number; headers: Headers; body: JsonObject }>;
  result(runId: string): Promise<JsonObject>;
  /** The result once it is neither pending nor started. */
  ended(runId: string): Promise<JsonObject>;
};

/** Every agent here maps its input and its output in a way of its own, which no client of the vendor must see. */
const mapped: JsonObject = {
  ...scraper,
  mapping: { input: "{ 'mapped': true }", output: "{ 'mapped': result }", errcodes: { default: 2999 } },
};
export const open: JsonObject = { name: 'anything', backend: 'intuned', passthrough: true };

export async function openIntuned(options: Partial<SiteOptions> = {}): Promise<IntunedSite> {
  const vendor = await IntunedStandIn.open();
  const site = await openSite({ intuned: vendor, agents: [mapped, open], ...options });
  const send: IntunedSite['ask'] = async (method, path, body, headers = {}) => {
    const answer = await ask(site.client.url, method, prefix + path, body, headers);
    if (JSON.stringify(answer.body).includes(secrets.apiKey)) throw new Error(`${path} shows a secret`);
    return answer;
  };
  const at = `/${vendor.workspace}/projects/shop/run`;
  const result = async (runId: string): Promise<JsonObject> => {
    const { status, body } = await send('GET', `${at}/${runId}/result`);
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body as JsonObject;
  };
  return {
    vendor,
    site,
    ask: send,
    start: async (body, headers) => {
      const answer = await send('POST', `${at}/start`, body, headers);
      return { ...answer, body: answer.body as JsonObject };
    },
    result,
    ended: async (runId) => {
      for (;;) {
        const body = await result(runId);
        if (body.status !== 'pending' && body.status !== 'started') return body;
      }
    },
    [Symbol.asyncDispose]: async () => {
      await site[Symbol.asyncDispose]();
      await vendor[Symbol.asyncDispose]();
    },
  };
}
