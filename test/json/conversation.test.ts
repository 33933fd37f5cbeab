import { expect, test } from 'vitest';
import { answeredMessages, contentText, continueConversation } from '../../src/json/conversation.ts';

const hello = { role: 'user', content: 'hello', id: 'm-1' };
const hi = { role: 'assistant', content: 'hi' };

test('an answer follows what was said before it', () => {
  expect(continueConversation([hello], [hi])).toEqual([hello, hi]);
  expect(continueConversation([], [])).toEqual([]);
});

test.each([
  ['word for word', hello],
  ['without the id that the client gave', { role: 'user', content: 'hello' }],
  ['with its text as a block', { role: 'user', content: [{ type: 'text', text: 'hello' }] }],
])('an answer that repeats the conversation %s adds only what follows it', (_how, repeated) => {
  expect(continueConversation([hello], [repeated, hi])).toEqual([hello, hi]);
});

test.each([
  ['another author', { role: 'system', content: 'hello' }],
  ['another text', { role: 'user', content: 'Hello' }],
  ['no text', { role: 'user', content: [{ type: 'image' }] }],
  ['no author', { content: 'hello' }],
  ['no message', 7],
])('an answer that begins with %s repeats nothing', (_what, other) => {
  expect(continueConversation([hello], [other, hi])).toEqual([hello, other, hi]);
});

test('two messages without a text are not the same because both have none', () => {
  const [one, other] = ['a', 'b'].map((url) => ({ role: 'user', content: [{ type: 'image', url }] }));
  expect(continueConversation([one ?? {}], [other ?? {}])).toEqual([one, other]);
});

test('a run answers with the messages of its output, else with its reply, else with none', () => {
  expect(answeredMessages({ messages: [hi] }, 'unused')).toEqual([hi]);
  expect(answeredMessages({ price: 9.5 }, 'nine fifty')).toEqual([{ role: 'assistant', content: 'nine fifty' }]);
  expect(answeredMessages({ price: 9.5 }, null)).toEqual([]);
});

test('the text of a content is that of its blocks of text', () => {
  expect(contentText([{ type: 'text', text: 'a' }, 'b', { type: 'image', text: 'c' }])).toBe('a\nb');
});
