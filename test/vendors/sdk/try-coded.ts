import { isDeepStrictEqual } from 'node:util';
import { createExpressionCompiler } from '../../../src/mapping/expressions.ts';
import { connectUpstream } from '../../../src/upstream/connect.ts';
import { upstreamOptions } from '../../upstream/upstream-options.ts';
import type { CodedClient } from './coded-clients.ts';
import { type Recorded, RecordingVendor } from './recording-vendor.ts';

/** Makes the same run by the vendor's client and by the adapter. Gives how what they send differs. */
export async function tryCoded(client: CodedClient, runScript: (baseUrl: string) => Promise<void>) {
  const vendor = new RecordingVendor(client.answers);
  const baseUrl = (await vendor.listen()) + client.basePath;
  try {
    await runScript(baseUrl);
    const theirs = vendor.take();
    await runAdapter(client, baseUrl);
    return compare(client, theirs, vendor.take());
  } finally {
    vendor.close();
  }
}

async function runAdapter({ adapter, settings, run, cancels }: CodedClient, baseUrl: string): Promise<void> {
  const upstream = connectUpstream({ ...upstreamOptions, baseUrl });
  try {
    const connection = adapter.connect(adapter.settings.parse(settings), upstream.client, createExpressionCompiler());
    const target = adapter.target.parse(run.target);
    const { upstream: ref } = await connection.start({ target, input: run.input, config: {}, runId: run.runId });
    const named = ref ?? connection.adoption?.refOf?.(target, run.runId);
    if (cancels && named !== undefined) await connection.cancel?.(target, named);
  } finally {
    await upstream.close();
  }
}

function compare(client: CodedClient, theirs: readonly Recorded[], ours: readonly Recorded[]): readonly string[] {
  const problems: string[] = [];
  if (theirs.length !== ours.length || theirs.length === 0)
    problems.push(`the client sent ${theirs.length} requests, the adapter ${ours.length}`);
  for (const [index, their] of theirs.entries()) {
    const our = ours[index];
    const name = `${their.method} ${their.path}`;
    for (const request of [their, ...(our === undefined ? [] : [our])]) {
      const wrong = client.inspect?.(request) ?? null;
      if (wrong !== null) problems.push(`${name} of ${request === their ? 'the client' : 'the adapter'}: ${wrong}`);
    }
    if (our === undefined) continue;
    if (`${our.method} ${our.path}` !== name) problems.push(`${name}, and the adapter ${our.method} ${our.path}`);
    for (const header of client.headers)
      if (their.headers[header] !== our.headers[header])
        problems.push(`${name}: ${header} is ${their.headers[header]}, and the adapter's ${our.headers[header]}`);
    if (!isDeepStrictEqual(bodyOf(their, client), bodyOf(our, client)))
      problems.push(`${name}: the body is ${their.body}, and the adapter's ${our.body}`);
  }
  return problems;
}

function bodyOf({ body }: Recorded, { addedMembers }: CodedClient): unknown {
  if (body === '') return undefined;
  const parsed = JSON.parse(body);
  return Object.fromEntries(Object.entries(parsed).filter(([name]) => !addedMembers.includes(name)));
}
