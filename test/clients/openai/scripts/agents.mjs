// Lets OpenAI's Agents SDK use the gateway as OpenAI.
// usage: agents.mjs GATEWAY_URL FOLDER_OF_THE_PACKAGES
// @ts-check
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , url = '', folder = ''] = process.argv;
/** @param {string} line */
const say = (line) => process.stdout.write(`${line}\n`);
const require = createRequire(join(folder, 'package.json'));
/** @param {string} name */
const load = async (name) => await import(pathToFileURL(require.resolve(name)).href);
const { Agent, run, tool, setDefaultOpenAIClient, setTracingDisabled } = await load('@openai/agents');
const { default: OpenAI } = await load('openai');
const { z } = await load('zod');

setTracingDisabled(true);
setDefaultOpenAIClient(new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none' }));

const support = new Agent({ name: 'Support', model: 'support' });
const answered = await run(support, 'Where is my order?');
assert.equal(answered.finalOutput, 'You wrote: Where is my order?');
say('ok run');

const streamed = await run(support, 'And now?', { stream: true });
let text = '';
for await (const piece of streamed.toTextStream()) text += piece;
await streamed.completed;
assert.equal(text, 'You wrote: And now?');
say('ok run with a stream');

const chat = new Agent({ name: 'Chat', model: 'chat' });
const first = await run(chat, 'My name is Ada.');
const second = await run(chat, 'What is my name?', { previousResponseId: first.lastResponseId });
assert.equal(second.finalOutput, '(2) You said: What is my name?');
say('ok previousResponseId');

const resume = tool({
  name: 'resume',
  description: 'Answers the question of the agent',
  parameters: z.object({ question: z.string() }),
  execute: async (/** @type {{ question: string }} */ { question }) => ({ approved: question === 'Shall I?' }),
});
const approval = new Agent({ name: 'Approval', model: 'approval', tools: [resume] });
const approved = await run(approval, 'Shall I?');
assert.equal(approved.finalOutput, '{"approved":true,"rounds":1}');
say('ok a question as a tool');
