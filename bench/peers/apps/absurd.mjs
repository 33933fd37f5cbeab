import { Absurd } from 'absurd-sdk';
import { runJob, serve } from './vendor.mjs';

const app = new Absurd({ db: process.env.DATABASE_URL });
app.registerTask({ name: 'job' }, (order, context) =>
  runJob(order, {
    step: (name, act) => context.step(name, act),
    sleep: (ms, count) => context.sleepFor(`pause ${count}`, ms / 1000),
  }),
);

await app.startWorker({ concurrency: 50 });
serve({
  // By the client's key, so that a client that repeats itself gets the same task.
  take: async (order) => (await app.spawn('job', order, { idempotencyKey: order.key })).taskID,
  async look(id) {
    const found = await app.fetchTaskResult(id);
    if (found === null) return null;
    if (found.state === 'completed') return { output: found.result };
    return found.state === 'failed' ? { error: JSON.stringify(found.failure) } : {};
  },
});
