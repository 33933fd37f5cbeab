import { JobService, setClient } from 'windmill-client';

setClient('wm_test', process.argv[2].replace(/\/api$/, ''));
const workspace = 'main';
const id = await JobService.runScriptByPath({
  workspace,
  path: 'f/reports/daily',
  requestBody: { day: 1 },
  tag: 'gpu',
});
const get = () => JobService.getCompletedJobResultMaybe({ workspace, id, getStarted: true });
await get();
const { completed, success } = await get();
await JobService.cancelQueuedJob({ workspace, id: 'j-1', requestBody: { reason: 'cancelled by the client' } });
process.stdout.write(JSON.stringify({ id, status: completed && success ? 'success' : 'failure' }));
