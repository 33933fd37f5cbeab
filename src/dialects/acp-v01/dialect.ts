import type { Dialect } from '../../contract/dialect.ts';
import type { Features } from './descriptor.ts';
import { encodeError } from './encode.ts';
import { createOperations } from './routes.ts';
import { createSchemas, type SchemaOptions } from './schemas.ts';

export type AcpV01Options = SchemaOptions & Partial<Features>;

/** The Agent Connect Protocol 0.1. */
export function createAcpV01(options: AcpV01Options): Dialect {
  const features = { threads: options.threads ?? false, callbacks: options.callbacks ?? false };
  return {
    name: 'acp-v0.1',
    prefix: '/acp/v0.1',
    operations: createOperations(createSchemas(options), features),
    encodeError,
  };
}
