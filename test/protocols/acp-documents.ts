import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parse } from 'yaml';

export const documentsFolder = join(import.meta.dirname, '../../../shared/acp');

/** The protocols' own documents, next to the checkout if they are there; they are not part of the project. */
export const documentsAbsent = existsSync(documentsFolder) ? null : `no OpenAPI documents in ${documentsFolder}`;

/** What a value does wrong by a schema of a document, in the validator's words; empty when nothing. */
export type Judge = (schema: string, value: unknown) => readonly string[];

export function openDocument(file: string): Judge {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema(parse(readFileSync(join(documentsFolder, file), 'utf8')), 'document');
  return (schema, value) => {
    const validate = ajv.getSchema(`document#/components/schemas/${schema}`);
    if (validate === undefined) throw new Error(`${file} has no ${schema}`);
    validate(value);
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
}
