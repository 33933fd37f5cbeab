import { setTimeout as sleep } from 'node:timers/promises';
import { ApifyClient } from 'apify-client';

const [, , baseUrl, sinkUrl] = process.argv;
const client = new ApifyClient({ token: 'test-token', baseUrl, maxRetries: 0 });
const start = () =>
  client.actor('me/web-crawler').start(
    { url: 'https://shop.example' },
    {
      timeout: 300,
      memory: 1024,
      webhooks: [
        {
          eventTypes: ['ACTOR.RUN.SUCCEEDED', 'ACTOR.RUN.FAILED', 'ACTOR.RUN.ABORTED', 'ACTOR.RUN.TIMED_OUT'],
          requestUrl: sinkUrl,
        },
      ],
    },
  );
let run = await start();
while (['READY', 'RUNNING'].includes(run.status)) {
  await sleep(200);
  run = await client.run(run.id).get();
}
const { items } = await client.dataset(run.defaultDatasetId).listItems({ clean: true, limit: 1000 });
const { id } = await start();
const { status: cancelled } = await client.run(id).abort();
const names = {
  'd-1': run.defaultDatasetId,
  'r-1': [run.id, id],
  'me~scraper': 'me~web-crawler',
  'https://runs.example/push/apify/t0k3n': sinkUrl,
};
process.stdout.write(JSON.stringify({ id: run.id, status: run.status, result: items, cancelled, names }));
