import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { RungateProcess } from './process.ts';
import { ask, objectIn, speakers, stringIn } from './protocols.ts';
import { SessionStandIn } from './session-vendor.ts';
import { writeConfig } from './site.ts';

const agents = [{ name: 'chat', backend: 'restack', target: { agent: 'Chat', mode: 'thread' } }];

/** Each test starts two processes. */
vi.setConfig({ testTimeout: 120_000 });

test.each(speakers)(
  'a message that was sent when the gateway was killed is not sent again ($name)',
  async (speaker) => {
    const folder = mkdtempSync(join(tmpdir(), 'rungate-session-'));
    await using restack = await SessionStandIn.open();
    const file = join(folder, 'rungate.yaml');
    writeFileSync(file, writeConfig({ restack, agents, keeps: true, sections: { log: { level: 'info' } } }, folder));
    const serve = () => new RungateProcess(['serve', '--config', file, '--port', '0'], folder);
    await using first = serve();
    const before = (await first.client()).url;
    const thread = await speaker.open(before, 'chat');
    expect((await speaker.run(before, thread, 'chat', { text: 'a' })).value).toMatchObject({ reply: '1: a' });
    const release = restack.hold('event');
    const path = `/acp/v0.2/threads/${thread}/runs`;
    const creation = { agent_id: 'chat', input: { text: 'b' }, multitask_strategy: 'enqueue' };
    const cut = stringIn((await ask(before, 'POST', path, creation)).body, 'run_id');
    const waiting = stringIn((await ask(before, 'POST', path, { ...creation, input: { text: 'c' } })).body, 'run_id');
    await restack.counted('event', 1);
    first.kill('SIGKILL');
    await first.exit();
    // The vendor gets it only now, when no process waits for its answer.
    release();
    await using second = serve();
    const after = (await second.client()).url;
    const outputOf = async (runId: string) => objectIn((await ask(after, 'GET', `${path}/${runId}/wait`)).body).output;
    expect(await outputOf(cut)).toMatchObject({ errcode: 1002 });
    expect(await outputOf(waiting)).toMatchObject({ values: { heard: [{ text: 'a' }, { text: 'b' }, { text: 'c' }] } });
    const texts = restack.agent().events.map(({ body }) => objectIn(objectIn(body).eventInput).text);
    expect(texts).toEqual(['b', 'c']);
    expect(restack.eventNames).toEqual(['message', 'message']);
    expect((await speaker.run(after, thread, 'chat', { text: 'd' })).value).toMatchObject({ reply: '4: d' });
    expect([200, 204]).toContain(await speaker.remove(after, thread));
    await restack.bell.until(() => restack.agent().body.status === 'completed');
    expect(restack.count('start')).toBe(1);
    rmSync(folder, { recursive: true, force: true });
  },
);
