import { randomBytes, randomUUID } from 'node:crypto';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import type { Asked } from './manners.ts';
import { StandIn, type Step, VendorRun } from './vendor.ts';

/** Secrets that the gateway must never disclose. */
export const secrets = { apiKey: 'ik_live-7f3a9c5e1b/x', token: 'rt-31d0a6+bearer=' };

type Said = { readonly status: number; readonly body: Json };

/** Intuned's Run API as its documents have it, with more in every answer than they promise. */
export class IntunedStandIn extends StandIn {
  readonly workspace = 'ws_9Q';
  /** The keys that it takes. */
  readonly apiKeys = new Set([secrets.apiKey]);

  static async open(): Promise<IntunedStandIn> {
    const vendor = new IntunedStandIn({ status: 'pending' });
    await vendor.listen();
    return vendor;
  }

  get baseUrl(): string {
    return `${this.origin}/api/v1/workspace`;
  }

  protected stepOf({ method, path }: Asked): Step | null {
    if (!path.startsWith(`/api/v1/workspace/${this.workspace}/projects/`)) return null;
    if (method === 'POST' && /\/projects\/[^/]+\/run\/start$/.test(path)) return 'start';
    return method === 'GET' && /\/projects\/[^/]+\/run\/[^/]+\/result$/.test(path) ? 'poll' : null;
  }

  protected answer(step: Step, asked: Asked): Said {
    if (!this.apiKeys.has(`${asked.headers['x-api-key']}`))
      return { status: 401, body: { message: 'Invalid API key' } };
    if (step === 'start') {
      const body = isJsonObject(asked.body) ? asked.body : {};
      if (typeof body.api !== 'string' || !isJsonObject(body.parameters)) {
        return { status: 400, body: { message: 'api and parameters are required', correlation_id: 'c-1' } };
      }
      const run = new VendorRun(randomBytes(16).toString('base64url').slice(0, 21), asked, this.plan(asked), this.bell);
      this.runs.push(run);
      return { status: 201, body: { runId: run.id, status: 'pending', queue: { position: 3 } } };
    }
    const [, project, id] = /\/projects\/([^/]+)\/run\/([^/]+)\/result$/.exec(asked.path) ?? [];
    const run = this.runs.find((each) => each.id === id && each.asked.path.includes(`/projects/${project}/`));
    if (run === undefined) return { status: 404, body: { message: 'Run not found', doc_url: 'https://docs.test/404' } };
    run.polls += 1;
    // A careless vendor that repeats what it was sent.
    return { status: 200, body: { debug: { 'x-api-key': secrets.apiKey }, runId: run.id, ...run.body } };
  }
}

/** `engine`: `{agentId, runId}` without a status; `documented`: `{runId, status}`. */
export type RestackShape = 'engine' | 'documented';

/** Restack's engine: agents and workflows, in either of its two answer shapes. */
export class RestackStandIn extends StandIn {
  shape: RestackShape = 'engine';
  /** Ids as its documents have them, or as the engine makes them. */
  ids: 'run_' | 'uuid' = 'uuid';
  token: string | null = null;

  static async open(): Promise<RestackStandIn> {
    const vendor = new RestackStandIn({ status: 'queued' });
    await vendor.listen();
    return vendor;
  }

  protected stepOf({ method, path }: Asked): Step | null {
    const parts = path.split('/');
    if (parts[1] !== 'api' || (parts[2] !== 'agents' && parts[2] !== 'workflows')) return null;
    if (method === 'POST' && parts.length === 4) return 'start';
    if (method === 'GET' && parts.length === 5) return 'poll';
    return method === 'PUT' && parts.length === 6 && parts[2] === 'agents' ? 'event' : null;
  }

  protected answer(step: Step, asked: Asked): Said {
    if (this.token !== null && asked.headers.authorization !== `Bearer ${this.token}`) {
      return { status: 401, body: { error: 'unauthorized' } };
    }
    const [, , kind = '', name = '', ...ids] = asked.path.split('/');
    switch (step) {
      case 'start':
        return this.#start(asked, kind);
      case 'poll':
        return this.#poll(kind, name, ids[0] ?? '');
      case 'event':
        return this.#takeEvent(asked, ids[0] ?? '', ids[1] ?? '');
    }
  }

  /** The engine's own id of the agent or workflow that has this run. */
  static ownerOf(run: VendorRun): string {
    return `owner-${run.id}`;
  }

  #start(asked: Asked, kind: string): Said {
    const id = this.ids === 'uuid' ? randomUUID() : `run_${randomBytes(9).toString('hex')}`;
    const run = new VendorRun(id, asked, this.plan(asked), this.bell);
    this.runs.push(run);
    if (this.shape === 'documented') return { status: 200, body: { runId: id, status: 'queued' } };
    const owner: JsonObject = { [kind === 'agents' ? 'agentId' : 'workflowId']: RestackStandIn.ownerOf(run) };
    return { status: 200, body: { ...owner, runId: id } };
  }

  #poll(kind: string, name: string, id: string): Said {
    const run = this.runs.find((each) => each.id === id && each.asked.path === `/api/${kind}/${name}`);
    if (run === undefined) return { status: 404, body: { error: 'run not found' } };
    run.polls += 1;
    const { input = null } = isJsonObject(run.asked.body) ? run.asked.body : {};
    const named = { [kind === 'agents' ? 'agentName' : 'workflowName']: decodeURIComponent(name) };
    const at = '2026-11-22T08:00:00.000Z';
    return { status: 200, body: { runId: id, ...named, input, output: null, error: null, createdAt: at, ...run.body } };
  }

  #takeEvent(asked: Asked, ownerId: string, id: string): Said {
    const run = this.runs.find((each) => each.id === id);
    // If the start did not name it, a poll may; otherwise the client knows only the run's own id.
    const expected = run === undefined ? '' : this.shape === 'engine' ? RestackStandIn.ownerOf(run) : run.body.agentId;
    if (run === undefined || ownerId !== (expected ?? run.id))
      return { status: 404, body: { error: 'agent not found' } };
    run.events.push(asked);
    return { status: 200, body: {} };
  }
}
