import { configure, runs, tasks } from '@trigger.dev/sdk';

configure({ baseURL: process.argv[2], accessToken: 'tr_test' });
const { id } = await tasks.trigger(
  'send/report',
  { to: 'Ada' },
  { idempotencyKey: 'run-1', idempotencyKeyTTL: '24h', tags: ['night'] },
  // One attempt: the first answer of the case is cut.
  {},
);
await runs.retrieve(id);
const { status } = await runs.retrieve(id);
await runs.cancel(id);
process.stdout.write(JSON.stringify({ id, status }));
