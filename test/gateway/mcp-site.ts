import { vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { openSite } from './site.ts';

export const version = '2026-07-28';
const prefix = 'io.modelcontextprotocol';
const tasks = `${prefix}/tasks`;
/** What a client declares that can ask a person, and one that takes tasks too. */
export const asking: JsonObject = { elicitation: {} };
export const tasking: JsonObject = { elicitation: {}, extensions: { [tasks]: {} } };

const intuned = (name: string, api: string, more: JsonObject = {}): JsonObject => ({
  name,
  backend: 'intuned',
  target: { project: 'samples', api },
  ...more,
});
const approvalSchema = {
  type: 'object',
  properties: { approved: { type: 'boolean', title: 'Go on?' }, note: { type: 'string' } },
  required: ['approved'],
};
const approval = (name: string, resume: JsonObject): JsonObject => ({
  name,
  backend: 'restack',
  target: { agent: 'ApprovalAgent' },
  mapping: { interrupt: 'output.interrupt' },
  schemas: { interrupts: [{ interrupt_type: 'approval', interrupt_payload: {}, resume_payload: resume }] },
});
const object = { type: 'object' };

const agents: readonly JsonObject[] = [
  approval('approval', approvalSchema),
  approval('nested', { type: 'object', properties: { deep: { type: 'object' } } }),
  intuned('echo', 'echo', {
    description: 'Answers with its input.',
    metadata: { title: 'Echo' },
    schemas: { input: { ...object, properties: { count: { type: 'integer' } } }, output: object },
  }),
  intuned('dotted.name', 'echo'),
  intuned('blocks', 'echo'),
  {
    name: 'word',
    backend: 'restack',
    target: { workflow: 'echo' },
    schemas: { input: { type: 'string' }, output: { type: 'string' } },
  },
  intuned('fail', 'fail'),
  intuned('broken', 'echo', { mapping: { output: '$error("no")' } }),
  intuned('hang', 'hang'),
  intuned('required', 'echo', { mcp: { tasks: 'required' } }),
  intuned('never', 'slow', { mcp: { tasks: 'never' } }),
  {
    ...approval('several', {}),
    mapping: {
      interrupt: `output.interrupt ? { 'interrupt_type': 'approval', 'questions': [
        { 'id': 'size', 'interrupt_type': 'choice', 'message': 'Which size?' },
        { 'id': 'note', 'message': 'Any note?', 'schema': { 'type': 'object', 'properties': { 'words': { 'type': 'string' } } } }
      ] }`,
    },
    schemas: {
      interrupts: [
        { interrupt_type: 'choice', interrupt_payload: {}, resume_payload: { type: 'string', enum: ['S', 'M'] } },
      ],
    },
  },
  { ...approval('late', approvalSchema), mcp: { tasks: 'late' } },
  intuned('chatty', 'echo', { chat: { input: '{ "said": text }', reply: '"You said " & said' } }),
  intuned('pictured', 'echo', {
    chat: {
      reply: `[{ 'type': 'text', 'text': title }, { 'type': 'image', 'mimeType': 'image/png', 'data': $substringAfter(screenshot, 'base64,') }]`,
    },
  }),
  intuned('routed', 'echo', {
    schemas: {
      input: {
        ...object,
        properties: {
          region: { type: 'string', 'x-mcp-header': 'Region' },
          where: {
            ...object,
            properties: {
              shelf: { type: 'integer', 'x-mcp-header': 'Shelf' },
              'cold.one': { type: 'boolean', 'x-mcp-header': 'Is.Cold' },
            },
          },
        },
      },
    },
  }),
  intuned('progress', 'progress'),
];

/** What the check gives once it throws no more, also where the machine is busy. */
export async function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return await vi.waitFor(check, { timeout: 20_000 });
}

/** One message of JSON-RPC. */
export type Rpc = JsonObject & { readonly result?: JsonObject; readonly error?: JsonObject };
export type Answered = {
  readonly status: number;
  readonly headers: Headers;
  /** The response, or null where there is none. */
  readonly body: Rpc | null;
  /** Messages before the response on a stream. */
  readonly before: readonly Rpc[];
};

/** A gateway over a sandbox, by default its own, whose agents are tools; `post` sends a message as it is. */
export async function openMcp(sections: JsonObject = {}, shared?: Sandbox) {
  const sandbox = shared ?? (await startSandbox());
  const backends: JsonObject = {
    restack: { adapter: 'restack', baseUrl: sandbox.restackUrl },
    intuned: { adapter: 'intuned', baseUrl: sandbox.intunedUrl, workspaceId: 'sandbox', apiKey: 'sandbox-key' },
  };
  const site = await openSite({ backends, agents, sections });
  const { url } = site.client;
  const post = async (
    message: Json,
    headers: Record<string, string> = {},
    path = '/mcp',
    signal?: AbortSignal,
  ): Promise<Answered> =>
    await read(
      await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
        body: JSON.stringify(message),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  /** A request that stands for itself. */
  const send = async (
    method: string,
    params: JsonObject = {},
    { capabilities = {}, headers = {}, path = '/mcp', signal }: SendOptions = {},
  ) => await post(stateless(method, params, capabilities), { ...routing(method, params), ...headers }, path, signal);
  const call = async (
    name: string,
    args: JsonObject = {},
    options: SendOptions & { readonly more?: JsonObject } = {},
  ) => await send('tools/call', { name, arguments: args, ...options.more }, options);
  return {
    site,
    url,
    sandbox,
    ...{ post, send, call },
    [Symbol.asyncDispose]: async () => {
      await site[Symbol.asyncDispose]();
      if (shared === undefined) await sandbox.close();
    },
  };
}
export type McpSite = Awaited<ReturnType<typeof openMcp>>;

type SendOptions = {
  readonly capabilities?: JsonObject;
  readonly headers?: Record<string, string>;
  readonly path?: string;
  readonly signal?: AbortSignal;
};

export function stateless(method: string, params: JsonObject, capabilities: JsonObject): JsonObject {
  const meta = { [`${prefix}/protocolVersion`]: version, [`${prefix}/clientCapabilities`]: capabilities };
  const { _meta = {}, ...rest } = params;
  return { jsonrpc: '2.0', id: 7, method, params: { ...rest, _meta: { ...meta, ...(_meta as JsonObject) } } };
}

function routing(method: string, params: JsonObject): Record<string, string> {
  const name = params.name ?? params.taskId;
  return {
    'mcp-protocol-version': version,
    'mcp-method': method,
    ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
  };
}

async function read(answer: Response): Promise<Answered> {
  const text = await answer.text();
  const isStream = answer.headers.get('content-type') === 'text/event-stream';
  const data = isStream ? [...text.matchAll(/^data: (.*)$/gm)].map(([, each = '']) => each) : [text];
  const messages = data.filter((each) => each !== '').map((each) => JSON.parse(each) as Rpc);
  return {
    status: answer.status,
    headers: answer.headers,
    body: messages.at(-1) ?? null,
    before: messages.slice(0, -1),
  };
}

/** The tools of a list. */
export function toolsOf({ body }: Answered): readonly JsonObject[] {
  return body?.result?.tools as JsonObject[];
}

/** The result of a call, the text of its first content, and the id of its run. */
export function resultOf({ body }: Answered): { readonly text: Json; readonly runId: string } & JsonObject {
  const result = body?.result ?? {};
  const [content] = (result.content ?? []) as JsonObject[];
  const meta = (result._meta ?? {}) as JsonObject;
  return { ...result, text: content?.text ?? null, runId: String(meta['rungate/runId']) };
}
