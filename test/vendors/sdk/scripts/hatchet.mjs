import rest from '@hatchet-dev/typescript-sdk/clients/rest/api.js';

// The part of the client that is generated from the vendor's description of its API; the rest of it speaks gRPC to workers.
const api = rest.default(process.argv[2], 'test-token');
const { data } = await api.v1WorkflowRunCreate('t-1', {
  workflowName: 'report',
  input: { day: 1 },
  additionalMetadata: { rungate_run_id: 'run-1' },
});
const { id } = data.run.metadata;
await api.v1WorkflowRunGetStatus(id);
const { data: status } = await api.v1WorkflowRunGetStatus(id);
await api.v1WorkflowRunGet(id);
await api.v1TaskCancel('t-1', { externalIds: [id] });
process.stdout.write(JSON.stringify({ id, status }));
