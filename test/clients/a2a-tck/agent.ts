import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

type Part = { text?: string; data?: { messageId?: string; text?: string }; [member: string]: unknown };
type Message = { readonly messageId: string; readonly taskId?: string; readonly parts: readonly Part[] };
type Call = {
  readonly id: unknown;
  readonly method: string;
  readonly params: { readonly id?: string; readonly message?: Message };
};

/** What becomes of a task, by the beginning of the id of the message that begins it. */
type Scenario = {
  readonly artifacts?: readonly object[];
  readonly message?: string;
  readonly asks?: true;
  readonly rejects?: true;
  /** How long it works before it ends. */
  readonly worksMs?: number;
};

const text = (content: string) => [{ artifactId: 'output', parts: [{ text: content }] }];
const file = { raw: 'VENLIG91dHB1dA==', filename: 'output.txt', mediaType: 'text/plain' };
const fileUrl = { url: 'https://example.com/output.txt', filename: 'output.txt', mediaType: 'text/plain' };
const streamed = (content: string): Scenario => ({ artifacts: text(content), worksMs: 300 });

/** The scenarios of the kit, the more special ones first. */
const scenarios: readonly (readonly [prefix: string, scenario: Scenario])[] = [
  ['tck-artifact-text', { artifacts: text('Generated text content') }],
  ['tck-artifact-file-url', { artifacts: [{ artifactId: 'output', parts: [fileUrl] }] }],
  ['tck-artifact-file', { artifacts: [{ artifactId: 'output', parts: [file] }] }],
  ['tck-artifact-data', { artifacts: [{ artifactId: 'output', parts: [{ data: { key: 'value', count: 42 } }] }] }],
  ['tck-message-response', { message: 'Direct message response' }],
  ['tck-input-required', { asks: true }],
  ['tck-reject-task', { rejects: true }],
  ['tck-stream-001', streamed('Stream hello from TCK')],
  ['tck-stream-003', streamed('Stream task lifecycle')],
  ['tck-stream-ordering-001', streamed('Ordered output')],
  ['tck-stream-artifact-text', streamed('Streamed text content')],
  ['tck-stream-artifact-file', { artifacts: [{ artifactId: 'output', parts: [file] }], worksMs: 300 }],
  ['tck-stream-artifact-chunked', streamed('chunk-1 chunk-2')],
  ['test-resubscribe-message-id', { artifacts: text('Resubscribed'), worksMs: 4500 }],
];

type Task = {
  readonly id: string;
  scenario: Scenario;
  readonly begunAtMs: number;
  isCanceled: boolean;
  answers: number;
};

/** The agent of the kit's scenarios, a server of A2A 1.0 itself: the gateway calls it by its vendor file. */
export class KitAgent implements AsyncDisposable {
  readonly #server: Server;
  readonly #tasks = new Map<string, Task>();

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then((answer) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(answer));
      });
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage): Promise<object> {
    const { id, method, params } = (await json(request)) as Call;
    const answer = this.#call(method, params);
    return { jsonrpc: '2.0', id, ...answer };
  }

  #call(method: string, { id = '', message }: Call['params']): object {
    if (method === 'SendMessage' && message !== undefined) return this.#send(message);
    const task = this.#tasks.get(id);
    if (task === undefined) return { error: { code: -32001, message: 'Task not found' } };
    if (method === 'CancelTask') task.isCanceled = true;
    return { result: this.#show(task) };
  }

  #send(message: Message): object {
    const known = this.#tasks.get(message.taskId ?? '');
    if (known !== undefined) {
      known.answers += 1;
      // The kit answers twice before it wants the end.
      if (!message.parts.some((part) => part.text?.startsWith('TCK history message'))) known.scenario = {};
      return { result: { task: this.#show(known) } };
    }
    const asked = message.parts[0]?.data?.messageId ?? '';
    const [, scenario = {}] = scenarios.find(([prefix]) => asked.startsWith(prefix)) ?? [];
    if (scenario.rejects === true) return { error: { code: -32602, message: 'rejected' } };
    if (scenario.message !== undefined) {
      const said = { messageId: message.messageId, role: 'ROLE_AGENT', parts: [{ text: scenario.message }] };
      return { result: { message: said } };
    }
    const task: Task = { id: message.messageId, scenario, begunAtMs: Date.now(), isCanceled: false, answers: 0 };
    this.#tasks.set(task.id, task);
    return { result: { task: this.#show(task) } };
  }

  #show({ id, scenario, begunAtMs, isCanceled, answers }: Task): object {
    const isOver = Date.now() - begunAtMs >= (scenario.worksMs ?? 0);
    const state = isCanceled ? 'CANCELED' : scenario.asks ? 'INPUT_REQUIRED' : isOver ? 'COMPLETED' : 'WORKING';
    const said = (content: string) => ({
      messageId: `${id}.${answers}`,
      role: 'ROLE_AGENT',
      parts: [{ text: content }],
    });
    return {
      id,
      contextId: id,
      status: {
        state: `TASK_STATE_${state}`,
        message: scenario.asks ? said(`What else? (${answers})`) : said('Hello from TCK'),
      },
      artifacts: state === 'COMPLETED' ? (scenario.artifacts ?? text('Hello from TCK')) : [],
    };
  }
}
