import {
  BedrockAgentCoreClient,
  InvokeAgentRuntimeCommand,
  StopRuntimeSessionCommand,
} from '@aws-sdk/client-bedrock-agentcore';

const client = new BedrockAgentCoreClient({
  endpoint: process.argv[2],
  region: 'eu-central-1',
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret-key-of-the-test' },
  maxAttempts: 1,
});
const agent = {
  agentRuntimeArn: 'arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime/support-AbCdEf1234',
  qualifier: 'PROD',
  runtimeSessionId: '0199c5a0-0000-7000-8000-000000000001',
};
const { response } = await client.send(
  new InvokeAgentRuntimeCommand({
    ...agent,
    runtimeUserId: 'user-7',
    contentType: 'application/json',
    accept: 'application/json',
    payload: new TextEncoder().encode('{"prompt":"why?"}'),
  }),
);
const { answer } = JSON.parse(await response.transformToString());
if (answer !== 42) throw new Error('the client did not read the answer');
await client.send(new StopRuntimeSessionCommand({ ...agent, clientToken: agent.runtimeSessionId }));
