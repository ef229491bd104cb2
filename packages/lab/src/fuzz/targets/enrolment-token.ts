/** Enrolment tokens: an accepted one says the same after it is written anew, and no refusal repeats its text. */
import assert from 'node:assert/strict';
import { encodeEnrolmentToken, parseEnrolmentToken } from '@imprint/contract/enrolment-token';
import { isImprintError } from '@imprint/contract/errors';
import { changed, type Draw } from '../draws.ts';
import { mutateJson } from '../mutate-json.ts';
import { mutateText } from '../mutate-text.ts';
import { assertPlain } from '../plain-value.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf, textOf } from '../text-input.ts';

const token = {
  realm: 'dev' as const,
  station_id: 'st-1',
  url: 'https://127.0.0.1:8443',
  pin_sha256: 'ab'.repeat(32),
  secret: 'cd'.repeat(32),
};

export function enrolmentTokenTarget(): FuzzTarget {
  return {
    name: 'enrolment-token',
    form: 'text',
    refusals: ['token_invalid'],
    draw: (draw) => bytesOf(drawToken(draw)),
    judge: (input) => {
      const text = textOf(input);
      try {
        const parsed = parseEnrolmentToken(text);
        assertPlain(parsed);
        assert.deepEqual(
          parseEnrolmentToken(encodeEnrolmentToken(parsed)),
          parsed,
          'a token changed when written anew',
        );
        assert.equal(new URL(parsed.url).protocol, 'https:');
        return undefined;
      } catch (error) {
        if (isImprintError(error)) {
          const told = `${error.message} ${JSON.stringify(error.context)} ${String(error.cause)}`;
          assert.ok(text.length < 40 || !told.includes(text.slice(20, 40)), 'a refusal repeats a token');
        }
        throw error;
      }
    },
  };
}

function drawToken(draw: Draw): string {
  const text = encodeEnrolmentToken(token);
  if (draw() < 0.3) return changed(draw, 3, text, (one) => mutateText(draw, one));
  const json = draw() < 0.1 ? JSON.stringify(token) : mutateJson(draw, token);
  return `imprint-token-v1.${Buffer.from(bytesOf(json)).toString('base64url')}`;
}
