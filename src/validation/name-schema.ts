import { z } from 'zod';

/** Names of agents, backends, tenants and keys. They appear unescaped in URLs, logs and metrics. */
export const nameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    'must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit',
  );
