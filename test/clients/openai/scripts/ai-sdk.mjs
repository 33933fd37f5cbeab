// Lets Vercel's `ai` with `@ai-sdk/openai` use the gateway as OpenAI.
// usage: ai-sdk.mjs GATEWAY_URL FOLDER_OF_THE_PACKAGES
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
const { generateText, streamText, tool, isStepCount, stepCountIs } = await load('ai');
const { createOpenAI } = await load('@ai-sdk/openai');
const { z } = await load('zod');

const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'none' });

const generated = await generateText({ model: openai('support'), prompt: 'Where is my order?' });
assert.equal(generated.text, 'You wrote: Where is my order?');
assert.equal(generated.finishReason, 'stop');
say('ok generateText');

const streamed = streamText({ model: openai('support'), prompt: 'And now?' });
let text = '';
for await (const piece of streamed.textStream) text += piece;
assert.equal(text, 'You wrote: And now?');
assert.match((await streamed.response).id, /^resp_/);
say('ok streamText');

const first = await generateText({ model: openai('chat'), prompt: 'My name is Ada.' });
const previousResponseId = first.providerMetadata?.openai?.responseId;
assert.match(String(previousResponseId), /^resp_/);
const second = await generateText({
  model: openai('chat'),
  prompt: 'What is my name?',
  providerOptions: { openai: { previousResponseId } },
});
assert.equal(second.text, '(2) You said: What is my name?');
say('ok previousResponseId');

const resume = tool({
  description: 'Answers the question of the agent',
  inputSchema: z.looseObject({ question: z.string() }),
  execute: async (/** @type {{ question: string }} */ { question }) => ({ approved: question === 'Shall I?' }),
});
const limit = (isStepCount ?? stepCountIs)(3);
for (const store of [true, false]) {
  const answered = await generateText({
    model: openai('approval'),
    prompt: 'Shall I?',
    tools: { resume },
    stopWhen: limit,
    providerOptions: { openai: { store } },
  });
  assert.equal(answered.text, '{"approved":true,"rounds":1}');
  assert.equal(answered.steps.length, 2);
}
say('ok a question as a tool, with store and without');

const asking = streamText({ model: openai('approval'), prompt: 'Shall I?', tools: { resume }, stopWhen: limit });
assert.equal(await asking.text, '{"approved":true,"rounds":1}');
say('ok a question in a stream');

await assert.rejects(generateText({ model: openai('nobody'), prompt: 'x', maxRetries: 0 }), /no such agent/);
say('ok an error');
