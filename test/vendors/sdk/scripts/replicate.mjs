import Replicate from 'replicate';

const replicate = new Replicate({ auth: 'r8_test', baseUrl: process.argv[2] });
const { id } = await replicate.predictions.create({
  version: '5c7d5dc6',
  input: { prompt: 'a cat' },
  webhook: 'https://runs.example/push/x',
  webhook_events_filter: ['completed'],
});
await replicate.predictions.get(id);
const { status } = await replicate.predictions.get(id);
await replicate.predictions.cancel(id);
process.stdout.write(JSON.stringify({ id, status }));
