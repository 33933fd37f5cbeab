import { parseArgs } from 'node:util';
import { z } from 'zod';
import { attacks } from './attacks/index.ts';

const names = Object.keys(attacks);

const schema = z.strictObject({
  store: z.enum(['sqlite', 'postgres']).default('sqlite'),
  only: z
    .string()
    .transform((text) => text.split(','))
    .refine((chosen) => chosen.every((name) => names.includes(name)), `takes some of ${names.join(',')}`)
    .optional()
    .transform((chosen) => chosen ?? names),
  json: z.string().nullable().default(null),
  /** How long each attack lasts. */
  seconds: z.coerce.number().min(1).max(60).default(6),
  /** URLs of modules that the gateway loads before its own code, as to profile it. */
  imports: z.array(z.string()).default([]),
  isShort: z.boolean().default(false),
});

export type Settings = z.infer<typeof schema>;

export const usage = `npm run siege -- [--store sqlite|postgres] [--only A5,A6] [--json FILE] [--seconds S] [--import URL]
`;

/** Defaults for what is not given. Throws `ZodError`. */
export function makeSettings(given: z.input<typeof schema>): Settings {
  return schema.parse(given);
}

/** Reads a command line. Throws `ZodError`, or what `parseArgs` throws. */
export function readSettings(argv: readonly string[]): Settings {
  const text = { type: 'string' } as const;
  const options = { store: text, only: text, json: text, seconds: text, import: { ...text, multiple: true } } as const;
  const { import: imports, ...values } = parseArgs({ args: [...argv], options }).values;
  return schema.parse({ ...values, imports });
}
