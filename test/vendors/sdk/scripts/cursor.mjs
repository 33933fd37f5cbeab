import { registerHooks } from 'node:module';

// Runs on the user's machine are kept in SQLite, by a native add-on that is built when it is installed. Cloud agents need none.
const noSqlite = 'export class Database {} export class Statement {} export default { Database, Statement }';
registerHooks({
  resolve: (name, context, next) =>
    name === 'sqlite3'
      ? { url: `data:text/javascript,${noSqlite}`, format: 'module', shortCircuit: true }
      : next(name, context),
});
process.env.CURSOR_BACKEND_URL = process.argv[2];
const { Agent } = await import('@cursor/sdk');
const apiKey = 'key_test';
const repos = [{ url: 'https://github.com/acme/app', startingRef: 'main' }];
const agent = await Agent.create({
  apiKey,
  agentId: 'bc-0199c5a0-0000-7000-8000-000000000003',
  cloud: { repos, autoCreatePR: true },
});
const { id } = await agent.send('fix the bug', { idempotencyKey: 'run-1' });
const at = { runtime: 'cloud', agentId: 'bc-0199c5a0-0000-7000-8000-000000000003', apiKey };
await Agent.getRun(id, at);
const { status } = await Agent.getRun(id, at);
await Agent.cancelRun(id, at);
process.stdout.write(JSON.stringify({ id, status }));
process.exit(0);
