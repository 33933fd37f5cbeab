import { afterEach, describe, expect, test } from 'vitest';
import { mcp } from '../../adapters/mcp/adapter.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { answer, cutShort, hangUp, type Reply, silence } from '../upstream/vendor-server.ts';
import { faultOf } from './adapter-contract.ts';
import { content, type McpRig, openMcp, type Revision, refs, task, token } from './mcp-rig.ts';
import { type Answered, legacyMethods } from './mcp-server.ts';

let rig: McpRig;
afterEach(async () => await rig.close());

async function open(...options: Parameters<typeof openMcp>): Promise<void> {
  rig = await openMcp(...options);
}

describe('the footing', () => {
  test('a server of 2025-11-25 is asked for its session and its tools once for all calls', async () => {
    await open('legacy', { 'tools/call': { result: { task: task('working') } } });
    await Promise.all([rig.start(), rig.start()]);
    expect(rig.server.called.map(([method]) => method)).toEqual([
      ...['server/discover', 'initialize', 'notifications/initialized', 'tools/list', 'tools/list'],
      ...['tools/call', 'tools/call'],
    ]);
    expect(rig.callsOf('initialize')[0]?.[1]).toEqual({
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: { form: {} } },
      clientInfo: { name: 'rungate', version: '1' },
    });
    const last = rig.server.received.at(-1)?.headers;
    expect(last).toMatchObject({
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      'mcp-session-id': 's-1',
      'mcp-protocol-version': '2025-11-25',
    });
    expect(last?.['mcp-method']).toBeUndefined();
  });

  test('a server of 2026-07-28 gets its version, capabilities and routing with each request, and no session', async () => {
    await open('modern', { 'tools/call': { result: { resultType: 'task', ...task('working') } } });
    await rig.start('wörk');
    const { body = '', headers } = rig.server.received.at(-1) ?? {};
    expect(headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': `=?base64?${Buffer.from('wörk').toString('base64')}?=`,
    });
    expect(headers?.['mcp-session-id']).toBeUndefined();
    expect(JSON.parse(body)).toEqual({
      jsonrpc: '2.0',
      id: 'run-1',
      method: 'tools/call',
      params: {
        name: 'wörk',
        arguments: { topic: 'rain' },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'rungate', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': {
            elicitation: { form: {} },
            extensions: { 'io.modelcontextprotocol/tasks': {} },
          },
        },
      },
    });
  });

  test.each([
    ['2025-11-25', 'legacy', ['initialize']],
    ['2026-07-28', 'modern', ['tools/call']],
  ] as const)('a backend that names the revision %s does not ask for it', async (protocol, revision, first) => {
    const result = { resultType: 'complete', ...content('hi') };
    await open(revision, { 'tools/call': { result } }, { protocol });
    await rig.start('plain');
    expect(rig.server.called[0]?.[0]).toBe(first[0]);
  });

  test.each<[string, Answered]>([
    ['404', { reply: answer(404, {}) }],
    ['405', { reply: answer(405, {}) }],
    ['an unknown method', { error: { code: -32601, message: 'no method' } }],
    ['older versions', { result: { supportedVersions: ['2027-01-01'] } }],
  ])('a server that answers %s to the question for its revision is taken as an older one', async (_, discover) => {
    await open('legacy', { 'server/discover': discover, 'tools/call': { result: content('hi') } });
    await rig.start('plain');
    expect(rig.callsOf('initialize')).toHaveLength(1);
  });

  test.each<[string, Reply, string, string]>([
    ['401', answer(401, { message: 'who?' }), 'rejected', 'retry'],
    ['500', answer(500, {}), 'retry', 'retry'],
    ['no answer', silence, 'retry', 'retry'],
  ])('a handshake that meets %s starts nothing, and leaves a live run alone', async (_, reply, ofStart, ofObserve) => {
    await open('legacy', { 'server/discover': { reply } });
    expect(await faultOf(rig.start())).toMatchObject({ consequence: ofStart });
    expect(await faultOf(rig.observe(refs.legacy))).toMatchObject({ consequence: ofObserve });
    expect(rig.callsOf('tools/call')).toEqual([]);
  });

  test('a server without the capability is not asked which tools make tasks', async () => {
    const initialize = { result: { protocolVersion: '2025-06-18', capabilities: { tools: {} } } };
    await open('legacy', { initialize, 'tools/call': { result: content('hi') } });
    expect(await rig.start()).toMatchObject({ upstream: null });
    expect(rig.callsOf('tools/list')).toEqual([]);
    expect(rig.server.received.at(-1)?.headers).toMatchObject({ 'mcp-protocol-version': '2025-06-18' });
    expect(rig.server.received.at(-1)?.headers['mcp-session-id']).toBeUndefined();
  });

  test.each([
    ['404', 404, 'Session not found'],
    ['400', 400, 'No valid session ID provided'],
  ])('a session that is over by a %s is opened anew, and a start is sent once more', async (_, status, message) => {
    await open('legacy', { 'tools/call': { result: { task: task('working') } } });
    await rig.start();
    const { initialize } = legacyMethods('s-2');
    const session = (next: Answered) => () => {
      const isOver = rig.server.received.at(-1)?.headers['mcp-session-id'] === 's-1';
      return isOver ? { reply: answer(status, { error: { message } }) } : next;
    };
    Object.assign(rig.server.methods, {
      initialize,
      'tools/call': session({ result: { task: task('working') } }),
      'tasks/get': session({ error: { code: -32602, message: 'Task not found' } }),
    });
    expect(await rig.start()).toEqual({ upstream: { runId: 't-1', sessionId: 's-2' } });
    expect(rig.callsOf('initialize')).toHaveLength(2);
    expect(rig.callsOf('tools/call')).toHaveLength(3);
    expect(await faultOf(rig.observe(refs.legacy))).toMatchObject({ consequence: 'gone' });
  });

  test('further headers are sent, and are secrets', async () => {
    const settings = { headers: { 'X-Api-Key': 'the-key' } };
    await open('legacy', { 'tools/call': { result: content('hi') } }, settings);
    await rig.start('plain');
    expect(rig.server.received.map(({ headers }) => headers['x-api-key'])).toEqual(
      rig.server.received.map(() => 'the-key'),
    );
    expect(mcp.secretsOf(mcp.settings.parse(settings))).toEqual(['the-key']);
  });
});

describe('a start', () => {
  test.each(['work', 'perhaps'])('the tool %s is called as a task where a server of 2025-11-25 can', async (tool) => {
    await open('legacy', { 'tools/call': { result: { task: task('working') } } });
    expect(await rig.start(tool)).toEqual({ upstream: refs.legacy });
    const params = { name: tool, arguments: { topic: 'rain' }, task: { ttl: 86_400_000 } };
    expect(rig.callsOf('tools/call')).toEqual([['tools/call', params]]);
  });

  test('a server of 2026-07-28 says itself that a call has become a task', async () => {
    await open('modern', { 'tools/call': { result: { resultType: 'task', ...task('working') } } });
    expect(await rig.start()).toEqual({ upstream: refs.modern });
    expect(rig.callsOf('tools/call')).toEqual([['tools/call', { name: 'work', arguments: { topic: 'rain' } }]]);
  });

  test.each<[string, Json, Json]>([
    ['a text', 'rain', { input: 'rain' }],
    ['a list', [1], { input: [1] }],
  ])('an input that is %s is the argument "input"', async (_, input, args) => {
    await open('legacy', { 'tools/call': { result: content('hi') } });
    await rig.start('plain', input);
    expect(rig.callsOf('tools/call')).toEqual([['tools/call', { name: 'plain', arguments: args }]]);
  });

  test.each<[Revision, boolean]>([
    ['legacy', false],
    ['legacy', true],
    ['modern', false],
    ['modern', true],
  ])(
    'a tool of a %s server that makes no task ends the run with its answer, streamed: %s',
    async (revision, streams) => {
      const result = { ...(revision === 'modern' ? { resultType: 'complete' } : {}), ...content('hi') };
      await open(revision, { 'tools/call': { result } });
      rig.server.streams = streams;
      const raw = { status: 'completed', result };
      expect(await rig.start('plain')).toEqual({ upstream: null, observation: { status: 'completed', raw } });
    },
  );

  test('a tool that says that it failed has failed', async () => {
    await open('legacy', { 'tools/call': { result: { ...content('no'), isError: true } } });
    expect(await rig.start('plain')).toMatchObject({ observation: { status: 'failed' } });
  });

  test('a tool that asks for input without a task cannot be answered', async () => {
    const result = { resultType: 'input_required', inputRequests: {}, requestState: 'x' };
    await open('modern', { 'tools/call': { result } });
    expect(await rig.start('plain')).toMatchObject({ observation: { status: 'unanswerable' } });
  });

  test('a call that makes no task may take longer than the time-out of the backend', async () => {
    await open('legacy');
    rig.server.methods['tools/call'] = {
      reply: (response, received) => {
        const { id } = JSON.parse(received.body);
        setTimeout(() => answer(200, { jsonrpc: '2.0', id, result: content('late') })(response, received), 900);
      },
    };
    expect(await rig.start('plain')).toMatchObject({ upstream: null });
    expect(await faultOf(rig.start('work'))).toMatchObject({ consequence: 'unknown', kind: 'timeout' });
  });

  const page = '<html></html>';
  test.each<[string, Answered, string]>([
    ['an error', { error: { code: -32602, message: 'no such thing' } }, 'rejected'],
    ['an internal error', { error: { code: -32603, message: 'no such thing' } }, 'rejected'],
    ['400', { reply: answer(400, { error: { code: -32000, message: 'no such thing' } }) }, 'rejected'],
    ['403', { reply: answer(403, page) }, 'rejected'],
    ['429 with Retry-After', { reply: answer(429, {}, { 'retry-after': '7' }) }, 'retry'],
    ['500', { reply: answer(500, page) }, 'unknown'],
    ['503 of a proxy', { reply: answer(503, page) }, 'unknown'],
    ['a page', { reply: answer(200, page) }, 'unknown'],
    ['no response', { reply: answer(200, { jsonrpc: '2.0', id: 'another', result: {} }) }, 'unknown'],
    [
      'a stream without a response',
      {
        reply: (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {}\n\n'),
      },
      'unknown',
    ],
    ['a cut', { reply: cutShort(200) }, 'unknown'],
    ['a hang-up', { reply: hangUp }, 'unknown'],
    ['silence', { reply: silence }, 'unknown'],
  ])(
    'a start that is answered with %s means what the table says, and is sent once',
    async (_, answered, consequence) => {
      await open('legacy', { 'tools/call': answered });
      const fault = await faultOf(rig.start());
      expect(fault.consequence).toBe(consequence);
      if ('error' in answered) expect(fault.message).toBe('no such thing');
      expect(rig.callsOf('tools/call')).toHaveLength(1);
    },
  );

  test('a secret that a server sends back goes no further', async () => {
    await open('legacy', { 'tools/call': { result: content(`you are ${token}`) } });
    expect(JSON.stringify(await rig.start('plain'))).toContain('you are [redacted]');
    rig.server.methods['tools/call'] = { error: { code: 1, message: `bad key ${token}` } };
    expect((await faultOf(rig.start('plain'))).message).toBe('bad key [redacted]');
  });
});

test.each([
  { token: 'two words' },
  { token: 'x', oauth2: {} },
  { protocol: '2024-11-05' },
  { headers: { 'a b': 'c' } },
  { tokn: 'x' },
])('the settings %j are refused', async (wrong) => {
  await open('legacy');
  expect(mcp.settings.safeParse(wrong).success).toBe(false);
});
