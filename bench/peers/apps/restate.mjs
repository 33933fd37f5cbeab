import * as restate from '@restatedev/restate-sdk';
import { runJob } from './vendor.mjs';

const job = restate.workflow({
  name: 'job',
  handlers: {
    run: (context, { input }) =>
      runJob(
        { key: context.key, input },
        { step: (name, act) => context.run(name, act), sleep: (ms) => context.sleep(ms) },
      ),
  },
});

await restate.serve({ services: [job], port: Number(process.env.PORT) });
process.stdout.write('listens\n');
