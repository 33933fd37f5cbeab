import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { runJob, serve } from './vendor.mjs';

const boss = new PgBoss(process.env.DATABASE_URL);
boss.on('error', (error) => process.stderr.write(`${error}\n`));
await boss.start();
await boss.createQueue('job');
await boss.work('job', { localConcurrency: 50 }, async ([{ data }]) => {
  const output = await runJob(data, { step: (_name, act) => act(), sleep: (ms) => sleep(ms) });
  return { output };
});
serve({
  async take(order) {
    await boss.send('job', order, { id: order.key });
    return order.key;
  },
  async look(key) {
    const [found] = await boss.findJobs('job', { id: key });
    if (found === undefined) return null;
    if (found.state === 'completed') return { output: found.output.output };
    return found.state === 'failed' || found.state === 'cancelled' ? { error: JSON.stringify(found.output) } : {};
  },
});
