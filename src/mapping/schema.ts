import { z } from 'zod';
import { runStatuses } from '../contract/domain/run.ts';
import { findMistake } from './syntax.ts';

const expressionSchema = z
  .string('an expression must be a string')
  .trim()
  .min(1, { error: 'an expression must not be empty', abort: true })
  .superRefine((text, context) => {
    const message = findMistake(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

const statusSchema = z.enum(runStatuses, `must be one of ${runStatuses.join(', ')}`);
const caseSchema = z.strictObject({ when: expressionSchema.optional(), is: statusSchema });

// A bare status is short for a list of one case, so that every later step knows one shape only.
const rowSchema = z.preprocess(
  (row) => (typeof row === 'string' ? [{ is: row }] : row),
  z
    .array(caseSchema)
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

const errcodeSchema = z
  .int('an errcode must be a whole number')
  .refine((code) => code < 1000 || code > 1999, "1000 to 1999 are the gateway's own errcodes");

/** One mapping file, or an agent's inline mapping: the same keys, all optional. See `mappings/README.md`. */
export const mappingSchema = z.strictObject({
  status: z.record(z.string().min(1), rowSchema).optional(),
  input: expressionSchema.optional(),
  output: expressionSchema.optional(),
  error: expressionSchema.optional(),
  interrupt: expressionSchema.optional(),
  resume: expressionSchema.optional(),
  threadState: expressionSchema.optional(),
  errcodes: z.record(z.string().min(1), errcodeSchema).optional(),
});

/** A parsed mapping: every status row is a list of cases. */
export type MappingDocument = z.infer<typeof mappingSchema>;

export const expressionKeys = ['input', 'output', 'error', 'interrupt', 'resume', 'threadState'] as const;
export type ExpressionKey = (typeof expressionKeys)[number];
export const mappingKeys: readonly string[] = Object.keys(mappingSchema.shape);
