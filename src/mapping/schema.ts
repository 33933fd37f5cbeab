import { z } from 'zod';
import { runStatuses } from '../contract/domain/run.ts';
import { findMistake } from './syntax.ts';

export const expressionSchema = z
  .string('an expression must be a string')
  .trim()
  .min(1, { error: 'an expression must not be empty', abort: true })
  .superRefine((text, context) => {
    const message = findMistake(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

export const statusSchema = z.enum(runStatuses, `must be one of ${runStatuses.join(', ')}`);
const caseSchema = z.strictObject(
  {
    when: expressionSchema.optional().describe("Expression on the vendor's run. The first case that holds wins."),
    is: statusSchema.describe('Status that the case means. The last case has no `when`.'),
  },
  'a case must be a mapping with "is"',
);

/** A bare status is short for a list of one case, so that every later step knows one shape only. */
export const statusRowSchema = z.preprocess(
  (row) => (typeof row === 'string' ? [{ is: row }] : row),
  z
    .array(caseSchema, 'must be a status, or a list of cases')
    .min(1, 'a list of cases must not be empty')
    .superRefine((cases, context) => {
      cases.forEach((each, index) => {
        const last = index === cases.length - 1;
        if (last && each.when !== undefined) {
          context.addIssue({ code: 'custom', path: [index], message: 'the last case must be a bare "is"' });
        }
        if (!last && each.when === undefined) {
          context.addIssue({ code: 'custom', path: [index], message: 'only the last case may do without "when"' });
        }
      });
    }),
);

/** Dotted names of members, such as `error.code`. */
const vendorPath = z.string().regex(/^[^.\s]+(\.[^.\s]+)*$/, 'must be dotted names of members, such as error.code');

const errcodeSchema = z
  .int('an errcode must be a whole number')
  .refine((code) => code < 1000 || code > 1999, "1000 to 1999 are the gateway's own errcodes");

/** One mapping file, or an agent's inline mapping: the same keys, all optional. */
export const mappingSchema = z.strictObject(
  {
    status: z
      .record(z.string().min(1), statusRowSchema, 'must be a mapping from statuses of the vendor')
      .optional()
      .meta({
        description:
          'Statuses of the vendor, each with the status that it means, or with a list of cases. A vendor status without a row leaves the run `pending`.',
        examples: [{ completed: [{ when: 'result.ok = false', is: 'error' }, { is: 'success' }] }],
      }),
    input: expressionSchema.optional().meta({
      description:
        "Expression for the vendor's input, from `{input, messages, config, metadata, state, history, agent}`. Left out, the input of the run; without one, its messages.",
      examples: ["{ 'query': input.text, 'user': metadata.user }"],
    }),
    output: expressionSchema.optional().meta({
      description: "Expression for the result, on the vendor's run. On a pending run it gives the partial result.",
      examples: ['result.items'],
    }),
    error: expressionSchema.optional().meta({
      description: 'Expression for why a run failed: a text, `{code, description}` or `{errcode, description}`.',
      examples: ["{ 'code': error.code, 'description': error.message }"],
    }),
    interrupt: expressionSchema.optional().meta({
      description:
        'Expression for the payload of an interrupt. A pending run for which it has a value is `interrupted`.',
      examples: ['output.interrupt'],
    }),
    resume: expressionSchema.optional().meta({
      description:
        "Expression for what resumes the vendor's run, from `{payload, interrupt, run}`. Left out, the payload.",
      examples: ["{ 'eventName': 'approval', 'eventInput': payload }"],
    }),
    threadState: expressionSchema.optional().meta({
      description:
        'Expression for the values of a thread after a successful run, from `{state, input, messages, output}`. Left out, the output.',
      examples: ['$merge([state, output])'],
    }),
    cost: expressionSchema.optional().meta({
      description:
        "Expression for what a run cost, on the vendor's terminal answer: a number, in whatever unit `caps` are meant. Left out, or without a value, the cost is not known.",
      examples: ['usage.total_cost_usd'],
    }),
    vendor: z
      .array(vendorPath)
      .optional()
      .meta({
        description:
          "Members of the vendor's run, as dotted names, that are kept of its terminal answer and shown as the metadata `rungate.vendor`, 16 KiB of them at most.",
        examples: [['status', 'error.code', 'error.correlation_id']],
      }),
    errcodes: z
      .record(z.string().min(1), errcodeSchema, 'must be a mapping from words of the vendor')
      .optional()
      .meta({
        description: 'Words of the vendor, each with an errcode outside 1000 to 1999. `default` is for all others.',
        examples: [{ default: 2900, 'page-not-found': 2901 }],
      }),
  },
  'must be a mapping with "status", "output" and the like',
);

/** A parsed mapping: every status row is a list of cases. */
export type MappingDocument = z.infer<typeof mappingSchema>;

export const expressionKeys = ['input', 'output', 'error', 'interrupt', 'resume', 'threadState', 'cost'] as const;
export type ExpressionKey = (typeof expressionKeys)[number];
export const mappingKeys: readonly string[] = Object.keys(mappingSchema.shape);
