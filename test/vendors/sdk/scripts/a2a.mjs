import { setTimeout as sleep } from 'node:timers/promises';
import { Role, TaskState } from '@a2a-js/sdk';
import {
  ClientFactory,
  ClientFactoryOptions,
  createAuthenticatingFetchWithRetry,
  JsonRpcTransportFactory,
} from '@a2a-js/sdk/client';

const url = process.argv[2];
const card = {
  name: 'concierge',
  description: '',
  supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', tenant: '', protocolVersion: '1.0' }],
  version: '1.0.0',
  capabilities: { streaming: false, pushNotifications: false, extensions: [] },
  securitySchemes: {},
  securityRequirements: [],
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [],
  signatures: [],
};
const headers = async () => ({ Authorization: 'Bearer test-token' });
const fetchImpl = createAuthenticatingFetchWithRetry(fetch, { headers, shouldRetryWithHeaders: async () => undefined });
const transports = [new JsonRpcTransportFactory({ fetchImpl })];
const client = await new ClientFactory(
  ClientFactoryOptions.createFrom(ClientFactoryOptions.default, { transports }),
).createFromAgentCard(card);
const part = { content: { $case: 'text', value: 'hello' }, filename: '', mediaType: '', metadata: undefined };
const send = () =>
  client.sendMessage({
    tenant: '',
    message: {
      ...{ messageId: 'run-1', role: Role.ROLE_USER, parts: [part], contextId: '', taskId: '' },
      ...{ extensions: [], referenceTaskIds: [], metadata: undefined },
    },
    configuration: { acceptedOutputModes: [], returnImmediately: true, taskPushNotificationConfig: undefined },
    metadata: undefined,
  });
const get = (id) => client.getTask({ id, tenant: '', historyLength: undefined });
let task = await send();
while ([TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_WORKING].includes(task.status.state)) {
  await sleep(200);
  task = await get(task.id);
}
const second = await send();
const { status } = await client.cancelTask({ id: second.id, tenant: '', metadata: undefined });
process.stdout.write(
  JSON.stringify({
    ...{ id: task.id, status: TaskState[task.status.state], cancelled: TaskState[status.state] },
    result: task.artifacts[0].parts[0].content.value,
    names: { 't-1': [task.id, second.id] },
  }),
);
