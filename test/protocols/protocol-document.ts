import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parse } from 'yaml';
import { z } from 'zod';
import { documentsFolder } from './acp-documents.ts';

const response = z.looseObject({ content: z.record(z.string(), z.unknown()).optional() });
const operation = z.looseObject({
  operationId: z.string(),
  responses: z.record(z.string(), response),
  requestBody: z.looseObject({ required: z.boolean().default(false) }).optional(),
});
const document = z.looseObject({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) });

/** One operation of a protocol's own document, or of one of ours. */
export type DocumentedOperation = {
  readonly id: string;
  readonly method: string;
  /** Such as `/runs/{run_id}`. */
  readonly path: string;
  readonly takesBody: boolean;
  readonly needsBody: boolean;
  /** Media types of the answers, by status; `default` is left out. */
  readonly answers: ReadonlyMap<number, readonly string[]>;
};

/** An OpenAPI document that judges answers. */
export class ProtocolDocument {
  readonly operations: readonly DocumentedOperation[];
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });

  /** One of the protocols' own documents. */
  static read(file: string): ProtocolDocument {
    return new ProtocolDocument(parse(readFileSync(join(documentsFolder, file), 'utf8')));
  }

  constructor(source: unknown) {
    formats.default(this.#ajv);
    this.#ajv.addSchema(z.record(z.string(), z.unknown()).parse(source), 'document');
    this.operations = Object.entries(document.parse(source).paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => method !== 'parameters')
        .map(([method, described]) => describe(method, path, described)),
    );
  }

  find(id: string): DocumentedOperation {
    const found = this.operations.find((each) => each.id === id);
    if (found === undefined) throw new Error(`the document has no operation ${id}`);
    return found;
  }

  /** What a value does wrong by a named schema; empty when nothing. */
  judge(schema: string, value: unknown): readonly string[] {
    return this.#validate(`/components/schemas/${schema}`, value);
  }

  /** What an answer's body does wrong by the schema that the document has for the status, else by its `default`. */
  judgeAnswer({ path, method, answers }: DocumentedOperation, status: number, mediaType: string, body: unknown) {
    const place = ['paths', path, method, 'responses', answers.has(status) ? `${status}` : 'default', 'content'];
    return this.#validate(pointerTo([...place, mediaType, 'schema']), body);
  }

  /** What a body does wrong by the operation's request schema; empty where it is fine, or where none is read. */
  judgeBody({ path, method, takesBody, needsBody }: DocumentedOperation, body: unknown): readonly string[] {
    if (body === undefined) return needsBody ? ['a body is required'] : [];
    const place = ['paths', path, method, 'requestBody', 'content', 'application/json', 'schema'];
    return takesBody ? this.#validate(pointerTo(place), body) : [];
  }

  #validate(pointer: string, value: unknown): readonly string[] {
    const validate = this.#ajv.getSchema(`document#${encodeURI(pointer)}`);
    if (validate === undefined) throw new Error(`the document has nothing at ${pointer}`);
    validate(value);
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  }
}

function pointerTo(place: readonly string[]): string {
  return place.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function describe(method: string, path: string, described: unknown): DocumentedOperation {
  const { operationId: id, responses, requestBody } = operation.parse(described);
  const answers = Object.entries(responses)
    .filter(([status]) => status !== 'default')
    .map(([status, { content = {} }]) => [Number(status), Object.keys(content)] as const);
  return {
    id,
    method,
    path,
    takesBody: requestBody !== undefined,
    needsBody: requestBody?.required === true,
    answers: new Map(answers),
  };
}
