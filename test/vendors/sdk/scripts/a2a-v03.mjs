import { JsonRpcTransport } from '@a2a-js/sdk/client';

const client = new JsonRpcTransport({ endpoint: process.argv[2] });
const { id } = await client.sendMessage({
  message: { kind: 'message', messageId: 'run-1', role: 'user', parts: [{ kind: 'text', text: 'Hi' }] },
  configuration: { blocking: false },
});
await client.getTask({ id });
const { status } = await client.getTask({ id });
// The case cancels a task that has ended.
await client.cancelTask({ id }).catch(() => {});
process.stdout.write(JSON.stringify({ id, status: status.state }));
