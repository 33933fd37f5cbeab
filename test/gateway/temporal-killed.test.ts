import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Received, TestFrontend } from '../adapters/temporal-frontend.ts';
import { RungateProcess } from './process.ts';
import { writeConfig } from './site.ts';

/** Each test starts two processes. */
vi.setConfig({ testTimeout: 120_000 });

const never = () => new Promise<boolean>(() => {});
const isStart = ({ method }: Received) => method === 'StartWorkflowExecution';

test.each([
  ['while the answer to its start is held back, over gRPC', 'grpc', 'after'],
  ['while the answer to its start is held back, over HTTP', 'http', 'after'],
  ['while its start has not reached the frontend', 'grpc', 'before'],
  ['while a call for its end is held', 'grpc', 'held'],
] as const)(
  'a gateway that is killed %s starts the workflow once, and the next one gives its result',
  async (_when, transport, moment) => {
    const folder = mkdtempSync(join(tmpdir(), 'rungate-temporal-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const frontend = new TestFrontend();
    const urls = await frontend.listen();
    onTestFinished(() => frontend.close());
    const file = join(folder, 'rungate.yaml');
    const agents = [{ name: 'greet', backend: 'flows', target: { workflow: 'Greet', taskQueue: 'q' } }];
    const backends = { flows: { adapter: 'temporal', transport, baseUrl: urls[transport] } };
    writeFileSync(file, writeConfig({ backends, agents, keeps: true, sections: { log: { level: 'info' } } }, folder));
    const serve = () => new RungateProcess(['serve', '--config', file, '--port', '0'], folder);

    if (moment === 'after') frontend.after = (received) => (isStart(received) ? never() : true);
    if (moment === 'before') frontend.before = (received) => (isStart(received) ? never() : true);
    const mark = moment === 'held' ? 'GetWorkflowExecutionHistory' : 'StartWorkflowExecution';
    await using first = serve();
    const { run_id } = await (await first.client()).create({ agent_id: 'greet', input: { name: 'Ann' } });
    await expect.poll(() => frontend.methods(), { timeout: 20_000 }).toContain(mark);
    first.kill('SIGKILL');
    await first.exit();
    frontend.before = () => true;
    frontend.after = () => true;

    await using second = serve();
    const client = await second.client();
    const workflowId = `rungate-${run_id}`;
    await expect.poll(() => frontend.workflows.has(workflowId), { timeout: 20_000 }).toBe(true);
    expect((await client.read(run_id)).status).toBe('pending');
    frontend.complete(workflowId, { greeting: 'Hi' });
    expect(await client.output(run_id)).toMatchObject({ type: 'result', result: { greeting: 'Hi' } });
    expect([...frontend.workflows.keys()]).toEqual([workflowId]);
    expect(frontend.workflows.get(workflowId)?.runs).toHaveLength(1);
  },
);
