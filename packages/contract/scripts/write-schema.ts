/**
 * Writes the JSON Schema of provisioning contracts that editors read. Run it, then `npm run format`, after a change
 * of the contract's shape.
 */

import { writeFileSync } from 'node:fs';
import { contractJsonSchema } from '../src/provisioning-contract.ts';

const target = new URL('../schema/provisioning-contract.schema.json', import.meta.url);
writeFileSync(target, `${JSON.stringify(contractJsonSchema(), null, 2)}\n`);
