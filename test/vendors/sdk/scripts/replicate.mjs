import Replicate from 'replicate';

const [, , baseUrl, sinkUrl] = process.argv;
const replicate = new Replicate({ auth: 'r8_test', baseUrl });
const start = () =>
  replicate.predictions.create({
    version: 'flux-schnell',
    input: { prompt: 'a cat' },
    webhook: sinkUrl,
    webhook_events_filter: ['completed'],
  });
const { id, status, output } = await replicate.wait(await start(), { interval: 200 });
const second = await start();
const { status: cancelled } = await replicate.predictions.cancel(second.id);
const names = { 'p-1': [id, second.id], '5c7d5dc6': 'flux-schnell', 'https://runs.example/push/x': sinkUrl };
process.stdout.write(JSON.stringify({ id, status, result: output, cancelled, names }));
