import { z } from 'zod';
import { maxWaitSeconds } from '../../contract/domain/clock.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { asksNothing, refuseDropping } from './decisive-members.ts';

export type RequestOptions = {
  /** Whether a request with a member that the protocol does not have is refused, or the member ignored. */
  readonly unknownFields: 'reject' | 'ignore';
};

/** Bodies are parsed JSON when they get here; these check only the outer kind, without walking through them. */
export const json = z.unknown() as z.ZodType<Json>;
/** `z.record` would copy the members, of which there may be fifty thousand. */
export const jsonObject = z
  .unknown()
  .check(({ value, issues }) => {
    if (!isJsonObject(value)) issues.push({ code: 'invalid_type', expected: 'record', input: value });
  })
  .meta({
    override: { type: 'object', propertyNames: { type: 'string' }, additionalProperties: {} },
  }) as unknown as z.ZodType<JsonObject>;

/** Any layout of hexadecimal digits that looks like a UUID; a UUID of a wrong version is just not found. */
export const uuid = z.guid('must be a UUID').toLowerCase();

export const nothing = z.object({});
export const noBody = z.undefined();
export const runParams = z.object({ run_id: uuid });
export const threadParams = z.object({ thread_id: uuid });
export const threadRunParams = z.object({ thread_id: uuid, run_id: uuid });

export const page = {
  limit: z.int().min(1).max(1000).default(10),
  offset: z.int().min(0).default(0),
};

/** Large members that a search leaves out unless it is asked for them; the name is LangGraph's. */
export const selectInput = z
  .array(z.enum(['input']))
  .max(1)
  .optional()
  .meta({
    description: 'Large members that are left out of a search otherwise: the input of the runs, with its messages.',
  });

export const selectValues = z
  .array(z.enum(['values']))
  .max(1)
  .optional()
  .meta({
    description:
      'Large members that are left out of a search otherwise: the values of the threads, with their messages.',
  });

export function omitsInput(select: readonly 'input'[] | undefined): boolean {
  return select?.includes('input') !== true;
}

/** The same page, in a query. */
export const queryPage = {
  limit: wholeNumberOr(10, { minimum: 1, maximum: 1000 }),
  offset: wholeNumberOr(0, { minimum: 0, maximum: 2 ** 31 - 1 }),
};

export const afterSeconds = z.int().min(0).max(maxWaitSeconds);

const contentBlock = z.looseObject({ type: z.string(), metadata: jsonObject.optional() });

/** A message of the later protocols; unknown members are kept. */
const message = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(contentBlock)]),
  id: z.string().optional(),
  metadata: jsonObject.optional(),
}) as unknown as z.ZodType<JsonObject>;

export const messages = z.array(message);

/** The payload that resumes a run: the agent's own schema describes it, and some agents take a bare string. */
export const resumePayload = json.refine((payload) => payload !== undefined, 'is required');

export function webhook(maxLength: number) {
  return z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(maxLength);
}

/**
 * An object with these members. Others are refused or ignored, but for those that decide what runs: those are refused where
 * they are not known to be `harmless`. Where members are ignored, `assistant_id` is another name of `agent_id`.
 */
export function closed<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  unknownFields: RequestOptions['unknownFields'],
  harmless: readonly string[] = [],
): z.ZodObject<Shape> {
  if (unknownFields === 'reject') return z.object(shape).strict();
  const { agent_id: agent, ...rest } = shape as z.core.$ZodLooseShape & { readonly agent_id?: z.ZodType };
  const members: z.core.$ZodLooseShape = agent === undefined ? shape : { ...rest, ...agentNames(agent) };
  const known = new Set(Object.keys(members));
  const open = z.looseObject(members).superRefine((given, context) => {
    for (const member of Object.keys(given)) {
      if (known.has(member) || harmless.includes(member) || asksNothing(given[member])) continue;
      const message = refuseDropping(member, known);
      if (message !== null) context.addIssue({ code: 'custom', path: [member], message });
    }
    if (agent !== undefined) checkAgentNames(given, agent, context);
  });
  const stripped = open.overwrite((given) => {
    const { assistant_id: assistant, ...own } = Object.fromEntries(
      Object.entries(given).filter(([name]) => known.has(name)),
    );
    return assistant === undefined || assistant === null ? own : { agent_id: assistant, ...own };
  });
  return stripped as unknown as z.ZodObject<Shape>;
}

/** `agent_id`, which its alias may stand for. */
function agentNames(agent: z.ZodType) {
  const optional = agent.safeParse(undefined).success ? agent : agent.optional();
  return { agent_id: optional, assistant_id: agent.nullish().meta({ description: 'Another name of `agent_id`.' }) };
}

function checkAgentNames(
  { agent_id: name, assistant_id: alias }: Readonly<Record<string, unknown>>,
  agent: z.ZodType,
  context: z.core.$RefinementCtx,
): void {
  if (alias === undefined || alias === null) {
    if (name === undefined && !agent.safeParse(undefined).success)
      context.addIssue({ code: 'custom', path: ['agent_id'], message: 'is required' });
  } else if (name !== undefined && name !== alias) {
    context.addIssue({ code: 'custom', path: ['assistant_id'], message: 'is another agent than agent_id' });
  }
}

type Range = { readonly minimum: number; readonly maximum: number; readonly of?: string };

/** A whole number in a query, where everything is text. `of` is the unit in the refusal's text. */
export function wholeNumber({ minimum, maximum, of }: Range) {
  const unit = of === undefined ? '' : ` ${of}`;
  return z
    .string({ error: 'must be given once' })
    .regex(/^\d{1,16}$/, `must be a whole number${of === undefined ? '' : ` of ${of}`}`)
    .transform(Number)
    .refine((value) => value >= minimum, `must be at least ${minimum}${unit}`)
    .refine((value) => value <= maximum, `must be at most ${maximum}${unit}`)
    .meta({ override: ({ jsonSchema }) => describeAs(jsonSchema, { type: 'integer', minimum, maximum }) });
}

export function wholeNumberOr(otherwise: number, range: Range) {
  const { minimum, maximum } = range;
  const options = { type: 'integer', minimum, maximum, default: otherwise };
  return wholeNumber(range)
    .default(otherwise)
    .meta({ override: ({ jsonSchema }) => describeAs(jsonSchema, options) });
}

/** A boolean in a query, false where it is left out; some clients write digits. */
export const flag = z
  .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
  .transform((text) => text === 'true' || text === '1')
  .default(false)
  .meta({ override: ({ jsonSchema }) => describeAs(jsonSchema, { type: 'boolean', default: false }) });

function describeAs(jsonSchema: object, options: object): void {
  for (const key of ['type', 'pattern', 'enum', 'format']) Reflect.deleteProperty(jsonSchema, key);
  Object.assign(jsonSchema, options);
}
