import { ApifyClient } from 'apify-client';

const client = new ApifyClient({ token: 'test-token', baseUrl: process.argv[2], maxRetries: 0 });
const { id } = await client.actor('me/scraper').start(
  { url: 'https://shop.example' },
  {
    timeout: 300,
    memory: 1024,
    webhooks: [
      {
        eventTypes: ['ACTOR.RUN.SUCCEEDED', 'ACTOR.RUN.FAILED', 'ACTOR.RUN.ABORTED', 'ACTOR.RUN.TIMED_OUT'],
        requestUrl: 'https://runs.example/push/apify/t0k3n',
      },
    ],
  },
);
await client.run(id).get();
const { status } = await client.run(id).get();
await client.dataset('d-1').listItems({ clean: true, limit: 1000 });
// The case aborts a run that has ended.
await client
  .run(id)
  .abort()
  .catch(() => {});
process.stdout.write(JSON.stringify({ id, status }));
