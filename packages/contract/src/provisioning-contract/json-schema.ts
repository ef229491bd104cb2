/** The contract's shape as JSON Schema, for editors: it offers keys and values while a contract is written. */

import { z } from 'zod';
import { contractSchema } from './schema.ts';

/** A JSON Schema (2020-12) of the file. It knows the shape only; `contract check` knows the rest. */
export function contractJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(contractSchema, { io: 'input', target: 'draft-2020-12' });
  return { ...schema, title: 'Imprint provisioning contract, version 1' };
}
