import { createFalClient } from '@fal-ai/client';

const base = process.argv[2];
const fal = createFalClient({
  credentials: 'test-key',
  fetch: (url, init) => fetch(String(url).replace('https://queue.fal.run', base), init),
});
const endpoint = 'fal-ai/flux/dev';
const { request_id: id } = await fal.queue.submit(endpoint, {
  input: { prompt: 'a cat' },
  webhookUrl: 'https://runs.example/push/x',
});
await fal.queue.status(endpoint, { requestId: id });
const { status } = await fal.queue.status(endpoint, { requestId: id });
await fal.queue.result(endpoint, { requestId: id });
await fal.queue.cancel(endpoint, { requestId: id });
process.stdout.write(JSON.stringify({ id, status }));
