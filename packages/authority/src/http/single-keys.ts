/**
 * JSON in which no object names a key twice. Parsers disagree on which of two values counts, so that what one part of a
 * system has checked another part may not see; here the text has one meaning or none.
 */
import { ImprintError } from '@imprint/contract/errors';

/** A string of JSON (RFC 8259 section 7), and the colon after it where it is a key. */
const stringOrKey = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g;

/**
 * @param text JSON that was parsed
 * @param value what came of it: of keys with one name it has one left, so that it has fewer keys than the text
 * @throws bad_request where a key stands twice in one object
 */
export function requireSingleKeys(text: string, value: unknown): void {
  let written = 0;
  for (const [, colon] of text.matchAll(stringOrKey)) if (colon !== undefined) written++;
  if (written === countKeys(value)) return;
  throw new ImprintError('bad_request', 'A key stands twice in one object of the request.', {
    hint: 'Send each key once.',
  });
}

/** Iterative: how deep foreign JSON goes is not for us to say. */
function countKeys(value: unknown): number {
  let count = 0;
  const waiting = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null) continue;
    const parts = Object.values(next);
    if (!Array.isArray(next)) count += parts.length;
    for (const part of parts) waiting.push(part);
  }
  return count;
}
