import { z } from 'zod';

/** One or several values in a query: repeated, separated by commas, or a list in JSON, as the JavaScript SDK 2.0.0 sends them. */
export function listOf<const Value extends string>(values: readonly Value[]) {
  const one = z.enum(values);
  return z
    .union([z.string(), z.array(z.string())])
    .transform((given) => [given].flat().flatMap((each) => each.replace(/^\[(.*)\]$/, '$1').split(',')))
    .transform((names) => names.map((name) => name.replace(/^"(.*)"$/, '$1')).filter((name) => name !== ''))
    .pipe(z.array(one))
    .optional()
    .meta({
      override: ({ jsonSchema }) => {
        for (const member of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, member);
        Object.assign(jsonSchema, { type: 'array', items: { type: 'string', enum: values } });
      },
    });
}
