import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Child } from '../../../bench/child.ts';
import { findFreePort } from '../../../bench/free-port.ts';
import { installServer } from '../../vendors/peers/packages.ts';

export const litellmPackages = ['litellm[proxy]==1.106.3', 'a2a-sdk==1.3.0'];

const startWithinMs = 120_000;
const key = 'sk-rungate';
const answered = z.looseObject({ result: z.looseObject({}).optional() });

/** Calls an agent of the gateway through LiteLLM's proxy, in both of its versions of the protocol. */
export async function callThroughLitellm(gatewayUrl: string): Promise<string> {
  const installed = installServer({ from: 'pypi', names: litellmPackages });
  if ('unavailable' in installed) throw new Error(installed.unavailable);
  const folder = mkdtempSync(join(tmpdir(), 'rungate-litellm-'));
  const port = await findFreePort();
  const config = join(folder, 'litellm.yaml');
  const cardOf = (protocolVersion: string) => ({
    ...{ name: 'support', url: `${gatewayUrl}/a2a/support`, protocolVersion, version: '1', description: 'Answers.' },
    ...{ capabilities: { streaming: true }, defaultInputModes: ['text'], defaultOutputModes: ['text'], skills: [] },
  });
  const agents = [{ agent_name: 'support', agent_card_params: cardOf('1.0') }];
  writeFileSync(config, JSON.stringify({ general_settings: { master_key: key }, agents }));
  const proxy = new Child({
    command: join(installed.directory, 'bin', 'python'),
    args: ['-m', 'litellm.proxy.proxy_cli', '--config', config, '--host', '127.0.0.1', '--port', String(port)],
    cwd: folder,
    env: { LITELLM_TELEMETRY: 'False' },
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(url, proxy);
    const seen: string[] = [];
    const text = { kind: 'text', text: 'hello' };
    const legacy = { message: { kind: 'message', messageId: 'litellm-1', role: 'user', parts: [text] } };
    const current = { message: { messageId: 'litellm-2', role: 'ROLE_USER', parts: [{ text: 'hello' }] } };
    const sent = await call(url, 'message/send', legacy);
    seen.push(expectText(sent, 'message/send'));
    seen.push(expectText(await call(url, 'SendMessage', current), 'SendMessage'));
    const streamed = { message: { ...legacy.message, messageId: 'litellm-3' } };
    seen.push(expectText(await call(url, 'message/stream', streamed), 'message/stream'));
    const [, id] = /"id":\s*"([0-9a-f-]{36})"/.exec(sent) ?? [];
    seen.push(expectText(await call(url, 'tasks/get', { id }), 'tasks/get'));
    return seen.join(', ');
  } finally {
    await proxy.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function untilReady(url: string, proxy: Child): Promise<void> {
  const deadlineMs = performance.now() + startWithinMs;
  for (;;) {
    const answer = await fetch(`${url}/health/liveliness`).catch(() => null);
    if (answer?.ok === true) return;
    if (performance.now() > deadlineMs) throw new Error(`the proxy does not answer: ${proxy.output}`);
    await sleep(200);
  }
}

async function call(url: string, method: string, params: object): Promise<string> {
  const answer = await fetch(`${url}/a2a/support`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const text = await answer.text();
  const lines = text.startsWith('data:') ? [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data) : [text];
  for (const line of lines) if (answered.parse(JSON.parse(line)).result === undefined) throw new Error(line);
  return lines.join('\n');
}

function expectText(answer: string, method: string): string {
  if (!answer.includes('You wrote: hello')) throw new Error(`${method}: ${answer}`);
  return method;
}
