// An A2A 1.0 agent on the server of @a2a-js/sdk. It answers with its text, at once, after a while, or after it has asked; or
// fails with it.
//
//   node a2a.mjs PORT
import { setTimeout as sleep } from 'node:timers/promises';
import { Role, TaskState } from '@a2a-js/sdk';
import { AgentEvent, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { jsonRpcHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import express from 'express';

const port = Number(process.argv[2]);
const url = `http://127.0.0.1:${port}/`;
const running = new Map();

const part = (value) => ({
  content: { $case: 'text', value },
  metadata: undefined,
  filename: '',
  mediaType: 'text/plain',
});

const executor = {
  async execute({ taskId, contextId, userMessage, task }, bus) {
    const say = (state, text) => {
      const message =
        text === undefined
          ? undefined
          : {
              messageId: `${taskId}-${state}`,
              contextId,
              taskId,
              role: Role.ROLE_AGENT,
              parts: [part(text)],
              metadata: undefined,
              extensions: [],
              referenceTaskIds: [],
            };
      const status = { state, message, timestamp: new Date().toISOString() };
      bus.publish(AgentEvent.statusUpdate({ taskId, contextId, status, metadata: undefined }));
    };
    const status = { state: TaskState.TASK_STATE_SUBMITTED, message: undefined, timestamp: new Date().toISOString() };
    const fresh = { id: taskId, contextId, status, artifacts: [], history: [userMessage], metadata: undefined };
    bus.publish(AgentEvent.task(task ?? fresh));
    const { $case, value } = userMessage.parts[0].content;
    const { mode, text, ms } = $case === 'data' ? value : { mode: 'echo', text: value };
    say(TaskState.TASK_STATE_WORKING);
    if (mode === 'slow') {
      const stop = new AbortController();
      running.set(taskId, stop);
      await sleep(ms, undefined, { signal: stop.signal }).catch(() => {});
      running.delete(taskId);
      if (stop.signal.aborted) {
        say(TaskState.TASK_STATE_CANCELED, 'cancelled');
        return bus.finished();
      }
    }
    if (mode === 'fail') say(TaskState.TASK_STATE_FAILED, text);
    else if (mode === 'ask') say(TaskState.TASK_STATE_INPUT_REQUIRED, text);
    else {
      const artifact = { artifactId: 'answer', name: '', description: '', parts: [part(text)], extensions: [] };
      bus.publish(AgentEvent.artifactUpdate({ taskId, contextId, artifact, append: false, lastChunk: true }));
      say(TaskState.TASK_STATE_COMPLETED);
    }
    bus.finished();
  },
  cancelTask: async (taskId) => running.get(taskId)?.abort(),
};

const card = {
  name: 'peer',
  description: 'An agent that answers with its text.',
  supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', tenant: '', protocolVersion: '1.0' }],
  provider: undefined,
  version: '1.0.0',
  capabilities: { streaming: true, pushNotifications: false, extensions: [] },
  securitySchemes: {},
  securityRequirements: [],
  defaultInputModes: ['text/plain', 'application/json'],
  defaultOutputModes: ['text/plain'],
  skills: [],
  signatures: [],
};

const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), executor);
express()
  .use('/', jsonRpcHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication }))
  .listen(port, '127.0.0.1', () => process.stdout.write(`listens on ${url}\n`));
