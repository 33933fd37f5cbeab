import { DBOS } from '@dbos-inc/dbos-sdk';
import { runJob, serve } from './vendor.mjs';

const job = DBOS.registerWorkflow(
  (order) => runJob(order, { step: (name, act) => DBOS.runStep(act, { name }), sleep: (ms) => DBOS.sleep(ms) }),
  { name: 'job' },
);

DBOS.setConfig({ name: 'bench', systemDatabaseUrl: process.env.DATABASE_URL });
await DBOS.launch();
serve({
  take: async (order) => (await DBOS.startWorkflow(job, { workflowID: order.key })(order)).workflowID,
  wait: async (key) => ({ output: await DBOS.retrieveWorkflow(key).getResult() }),
  async look(key) {
    const status = await DBOS.getWorkflowStatus(key);
    if (status === null) return null;
    if (status.status === 'SUCCESS') return { output: status.output };
    return ['ENQUEUED', 'PENDING', 'DELAYED'].includes(status.status)
      ? {}
      : { error: `${status.status} ${status.error}` };
  },
});
