/** Entries of the audit log: the bytes of an accepted one are what its value is written as, so its hash is the only one. */
import assert from 'node:assert/strict';
import { decodeEntry, encodeEntry } from '@imprint/contract/audit/entry';
import { canonicalJson } from '@imprint/contract/canonical-json';
import { limits } from '@imprint/contract/limits';
import { sampleEntries } from '../audit-samples.ts';
import { changed, pick } from '../draws.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateJson } from '../mutate-json.ts';
import { assertPlain } from '../plain-value.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf } from '../text-input.ts';

export function auditEntryTarget(): FuzzTarget {
  const samples = sampleEntries();
  return {
    name: 'audit-entry',
    form: 'text',
    refusals: ['entry_invalid'],
    draw: (draw) => {
      const entry = pick(draw, samples);
      if (draw() < 0.2)
        return changed(draw, 2, bytesOf(canonicalJson(entry)), (one) => mutateBytes(draw, one));
      return bytesOf(draw() < 0.1 ? canonicalJson(entry) : mutateJson(draw, entry, canonicalJson));
    },
    judge: (input) => {
      const entry = decodeEntry(input);
      assertPlain(entry);
      assert.ok(input.length <= limits.logEntryBytes, 'an entry over the cap was accepted');
      assert.deepEqual(Buffer.from(encodeEntry(entry)), Buffer.from(input), 'an entry has two spellings');
      return undefined;
    },
  };
}
