import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { documentsAbsent, openDocument } from '../protocols/acp-documents.ts';
import { secrets } from './stand-ins.ts';
import { StreamReader } from './stream-reader.ts';

export type Answered = {
  readonly status: number;
  readonly headers: Headers;
  /** Null where there was none. */
  readonly body: Json;
};

/** A `Run` or a `RunOutput`, as far as tests read it. */
export type RunAnswer = JsonObject & { readonly run_id: string; readonly agent_id: string; readonly status: string };

const judge = documentsAbsent === null ? openDocument('acp-0.1.openapi.yaml') : null;

/** How many answers were validated against the protocol's own document. */
export const judged = new Map<string, number>();

/**
 * A client that checks everything: each answer is validated against its schema in ACP 0.1, and searched for
 * the secrets of the vendors.
 */
export class AcpClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** A body that is a string is sent as it is. */
  async ask(
    method: string,
    path: string,
    body?: Json,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answered> {
    const sent = body === undefined ? {} : { 'content-type': 'application/json' };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const init = { method, headers: { ...sent, ...headers }, ...(body === undefined ? {} : { body: text }) };
    const answer = await fetch(`${this.url}${path}`, init);
    const said = await answer.text();
    refuseSecrets(said, path);
    refuseSecrets(JSON.stringify([...answer.headers]), path);
    const parsed = said === '' ? null : readJson(said);
    holdAgainst(schemaOf(method, path, answer), parsed, `${method} ${path} ${answer.status}`);
    return { status: answer.status, headers: answer.headers, body: parsed };
  }

  /** Creates a run that is expected to be accepted. */
  async create(request: JsonObject, headers: Readonly<Record<string, string>> = {}): Promise<RunAnswer> {
    return runIn(await this.ask('POST', '/runs', request, headers));
  }

  async read(runId: string): Promise<RunAnswer> {
    return runIn(await this.ask('GET', `/runs/${runId}`));
  }

  /** The output once there is one. */
  async output(runId: string): Promise<RunAnswer> {
    return runIn(await this.ask('GET', `/runs/${runId}/output?block_timeout=20`));
  }

  /** The output of a new run. */
  async run(request: JsonObject): Promise<RunAnswer> {
    const { run_id } = await this.create(request);
    return await this.output(run_id);
  }

  async resume(runId: string, payload: Json): Promise<RunAnswer> {
    return runIn(await this.ask('POST', `/runs/${runId}`, JSON.stringify(payload)));
  }

  async search(filter: JsonObject): Promise<readonly RunAnswer[]> {
    const { status, body } = await this.ask('POST', '/runs/search', filter);
    if (status !== 200) throw new Error(`search: ${status} ${JSON.stringify(body)}`);
    return body as readonly RunAnswer[];
  }

  async stream(runId: string, headers: Readonly<Record<string, string>> = {}): Promise<StreamReader> {
    return await StreamReader.open(`${this.url}/runs/${runId}/stream`, headers, (data) => {
      refuseSecrets(JSON.stringify(data), 'stream');
      holdAgainst(streamSchema(data), data, 'stream event');
    });
  }
}

function runIn({ status, body }: Answered): RunAnswer {
  if (status !== 200) throw new Error(`expected 200, got ${status} ${JSON.stringify(body)}`);
  return body as RunAnswer;
}

export function refuseSecrets(text: string, where: string): void {
  for (const secret of Object.values(secrets)) {
    if (text.includes(secret) || text.includes(encodeURIComponent(secret))) throw new Error(`${where} tells a secret`);
  }
}

function holdAgainst(schema: string | null, value: Json, where: string): void {
  if (schema === null || judge === null) return;
  const isList = schema.endsWith('[]');
  const name = schema.replace('[]', '');
  for (const item of isList ? (value as readonly Json[]) : [value]) {
    judged.set(name, (judged.get(name) ?? 0) + 1);
    const faults = judge(name, withObjectResult(item));
    if (faults.length > 0) throw new Error(`${where} is no ${name}: ${faults.join('; ')} in ${JSON.stringify(item)}`);
  }
}

/** ACP requires a result to be an object; any other value of a vendor is passed on unchanged all the same. */
function withObjectResult(value: Json): Json {
  if (!isJsonObject(value) || value.type !== 'result' || value.result === undefined) return value;
  return isJsonObject(value.result) ? value : { ...value, result: {} };
}

function schemaOf(method: string, path: string, answer: Response): string | null {
  if (answer.status >= 400) {
    return answer.headers.get('content-type') === 'application/json' && !path.startsWith('/health')
      ? 'ErrorResponse'
      : null;
  }
  if (answer.status !== 200) return null;
  const [route = ''] = path.replace('/acp/v0.1', '').split('?');
  if (route === '/runs/search') return 'Run[]';
  if (route === '/agents/search') return 'Agent[]';
  if (/^\/agents\/[^/]+\/descriptor$/.test(route)) return 'AgentACPDescriptor';
  if (/^\/agents\/[^/]+$/.test(route)) return 'Agent';
  if (/^\/runs\/[^/]+\/output$/.test(route)) return 'RunOutput';
  return (method === 'POST' && route === '/runs') || /^\/runs\/[^/]+$/.test(route) ? 'Run' : null;
}

function streamSchema(data: Json): string {
  const type = isJsonObject(data) ? data.type : undefined;
  if (type === 'custom') return 'CustomRunResultUpdate';
  return type === 'result' ? 'RunResult' : type === 'interrupt' ? 'RunInterrupt' : 'RunError';
}
