// An MCP server on the official SDK, whose one tool is called as a task. It answers with its text, at once, after a while, or
// after it has asked; or fails with it.
//
//   node mcp.mjs PORT
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  InMemoryTaskMessageQueue,
  InMemoryTaskStore,
} from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ElicitResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

const taskStore = new InMemoryTaskStore();
const taskMessageQueue = new InMemoryTaskMessageQueue();
const sessions = new Map();

async function ask(text, taskId, { taskStore: store, sendRequest }) {
  await store.updateTaskStatus(taskId, 'input_required');
  const requestedSchema = { type: 'object', properties: { text: { type: 'string' } } };
  const params = { mode: 'form', message: text, requestedSchema };
  const related = { relatedTask: { taskId } };
  const answer = await sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema, related);
  await store.updateTaskStatus(taskId, 'working');
  return `${answer.action}: ${answer.content?.text}`;
}

async function work({ mode, text, ms }, taskId, extra) {
  if (mode === 'slow') await sleep(ms);
  if (mode === 'fail') throw new Error(text);
  return mode === 'ask' ? await ask(text, taskId, extra) : text;
}

function open() {
  const capabilities = { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } };
  const server = new McpServer({ name: 'peer', version: '1.0.0' }, { capabilities, taskStore, taskMessageQueue });
  const inputSchema = { mode: z.string(), text: z.string(), ms: z.number().optional() };
  server.experimental.tasks.registerToolTask(
    'agent',
    { inputSchema, execution: { taskSupport: 'required' } },
    {
      async createTask(args, extra) {
        const task = await extra.taskStore.createTask({ ttl: extra.taskRequestedTtl, pollInterval: 200 });
        const end = (status, text, isError) =>
          extra.taskStore
            .storeTaskResult(task.taskId, status, { content: [{ type: 'text', text }], isError })
            // The task was cancelled.
            .catch(() => {});
        work(args, task.taskId, extra).then(
          (text) => end('completed', text, false),
          (error) => end('failed', error.message, true),
        );
        return { task };
      },
      getTask: (_args, { taskId, taskStore: store }) => store.getTask(taskId),
      getTaskResult: (_args, { taskId, taskStore: store }) => store.getTaskResult(taskId),
    },
  );
  return server;
}

const server = createServer(async (request, response) => {
  if (request.url === '/tasks') {
    const tasks = taskStore.getAllTasks().map(({ taskId: id, status: state }) => ({ id, state }));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(tasks));
    return;
  }
  const id = request.headers['mcp-session-id'];
  if (id !== undefined && !sessions.has(id)) {
    response.writeHead(404).end();
    return;
  }
  let transport = sessions.get(id);
  if (transport === undefined) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (made) => sessions.set(made, transport),
    });
    await open().connect(transport);
  }
  await transport.handleRequest(request, response);
});
server.listen(Number(process.argv[2]), '127.0.0.1');
