import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { createRequests } from '../../src/protocols/openai/schemas.ts';

const root = join(import.meta.dirname, '../..');
const resources = join(root, 'node_modules/openai/resources');
const page = readFileSync(join(root, 'docs/protocols/openai.md'), 'utf8');
const requests = createRequests({ unknownFields: 'reject' });

/** Of a page of a list, which the SDK's types inherit. */
const paging = ['after', 'limit'];

/** Calls that have parameters: the SDK's type of them, and our schema. */
const calls = [
  { call: 'create a response', file: 'responses/responses', type: 'ResponseCreateParamsBase', schema: requests.create },
  {
    call: 'get a response',
    file: 'responses/responses',
    type: 'ResponseRetrieveParamsBase',
    schema: requests.retrieve,
  },
  {
    ...{ call: 'list input items', file: 'responses/input-items', type: 'InputItemListParams' },
    ...{ more: paging, schema: requests.items },
  },
  {
    ...{ call: 'create a conversation', file: 'conversations/conversations', type: 'ConversationCreateParams' },
    schema: requests.conversation,
  },
  {
    ...{ call: 'update a conversation', file: 'conversations/conversations', type: 'ConversationUpdateParams' },
    schema: requests.conversationUpdate,
  },
  {
    ...{ call: 'list items of a conversation', file: 'conversations/items', type: 'ItemListParams' },
    ...{ more: paging, schema: requests.items },
  },
] satisfies readonly { schema: z.ZodType; [name: string]: unknown }[];

/** Names of the members of an interface of the SDK. */
function membersOf(file: string, type: string): readonly string[] {
  const text = readFileSync(join(resources, `${file}.d.ts`), 'utf8');
  const [, body = ''] =
    new RegExp(`export interface ${type}(?: extends \\w+)? \\{\\n(.*?)\\n\\}`, 's').exec(text) ?? [];
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => `${name}`);
}

/** What the page says of the parameters of a call, by their names. */
function rowsOf(call: string): ReadonlyMap<string, string> {
  const rows = page.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  const ofCall = rows.filter(([, name]) => name === call);
  return new Map(
    ofCall.flatMap(([, , names = '', effect = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name]) => [`${name}`, effect] as const),
    ),
  );
}

describe.each(calls)('the parameters of the SDK of OpenAI to $call', ({ call, file, type, schema, ...rest }) => {
  const sdk = [...membersOf(file, type), ...('more' in rest ? rest.more : [])];
  const listed = rowsOf(call);

  test(`each parameter to ${call} is listed on the page, with what becomes of it`, () => {
    expect(sdk.length).toBeGreaterThan(0);
    expect(sdk.filter((name) => !/^(honoured|ignored|refused)/.test(listed.get(name) ?? ''))).toEqual([]);
  });

  test(`what the page says of a parameter to ${call} is what the gateway does`, () => {
    for (const name of sdk) {
      const isRefused = listed.get(name)?.startsWith('refused') === true;
      const { error } = schema.safeParse({ [name]: [{}] });
      const issues = error?.issues ?? [];
      // A name that the schema does not have would be dropped where unknown fields are ignored.
      expect([name, issues.filter(({ code }) => code === 'unrecognized_keys')]).toEqual([name, []]);
      if (isRefused) expect([name, issues.some(({ path }) => path[0] === name)]).toEqual([name, true]);
    }
  });
});

test('what asks for checks or prompts of OpenAI is refused also where unknown fields are ignored', () => {
  const { create } = createRequests({ unknownFields: 'ignore' });
  for (const name of ['prompt', 'moderation', 'access_programs']) {
    expect(create.safeParse({ input: 'x', [name]: null }).success).toBe(true);
    const { error } = create.safeParse({ input: 'x', [name]: { id: 'p' } });
    expect(error?.issues.map(({ path }) => path)).toEqual([[name]]);
  }
});
