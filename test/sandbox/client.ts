import type { Json } from '../../src/contract/domain/json.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

/** What a vendor answered; `headers` has lower-case names. */
export type VendorAnswer = { readonly status: number; readonly headers: Headers; readonly body: Json };

type Send = { readonly method?: string; readonly body?: unknown; readonly headers?: Record<string, string> };

/** Speaks to the sandbox over its sockets; rejects where the sandbox hangs up, or answers what is no JSON. */
export async function send(url: string, { method = 'GET', body, headers = {} }: Send = {}): Promise<VendorAnswer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: text }),
  });
  return { status: answer.status, headers: answer.headers, body: JSON.parse(await answer.text()) as Json };
}

export const intunedKey = { 'x-api-key': 'sandbox-key' };

/** The Intuned calls of one project. */
export function intunedClient(sandbox: Sandbox) {
  const run = `${sandbox.intunedUrl}/ws-1/projects/shop/run`;
  return {
    start: (api: string, parameters: unknown, more: object = {}) =>
      send(`${run}/start`, { method: 'POST', headers: intunedKey, body: { api, parameters, ...more } }),
    result: (runId: string) => send(`${run}/${runId}/result`, { headers: intunedKey }),
    /** Starts a run that is expected to be accepted. */
    async begin(api: string, parameters: unknown = {}, more: object = {}): Promise<string> {
      const { status, body } = await this.start(api, parameters, more);
      if (status !== 201) throw new Error(`not started: ${status} ${JSON.stringify(body)}`);
      return idOf(body, 'runId');
    },
  };
}

/** The Restack calls for agents, or for workflows. */
export function restackClient(sandbox: Sandbox, plural: 'agents' | 'workflows' = 'agents', token?: string) {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const base = `${sandbox.restackUrl}/api/${plural}`;
  return {
    start: (name: string, input: unknown) => send(`${base}/${name}`, { method: 'POST', headers, body: { input } }),
    run: (name: string, runId: string) => send(`${base}/${name}/${runId}`, { headers }),
    event: (name: string, agentId: string, runId: string, eventName: string, eventInput?: unknown) =>
      send(`${base}/${name}/${agentId}/${runId}`, { method: 'PUT', headers, body: { eventName, eventInput } }),
  };
}

export function idOf(body: Json, name: string): string {
  const value = (body as { readonly [key: string]: Json })[name];
  if (typeof value !== 'string') throw new Error(`no ${name} in ${JSON.stringify(body)}`);
  return value;
}
