/** A unit's hardware identifiers, as one value with one canonical text: what binds a job to a board. */
import { z } from 'zod';

export const hardwareUidPart = z.strictObject({
  kind: z.string().regex(/^[a-z][a-z0-9-]{1,31}$/),
  value: z.string().regex(/^[A-Za-z0-9._:-]{4,128}$/),
});

export const hardwareUid = z
  .array(hardwareUidPart)
  .min(1)
  .max(8)
  .refine((parts) => new Set(parts.map((part) => part.kind)).size === parts.length, 'a kind stands twice');

/** Kind and value of each identifier of one unit, such as `[{ kind: 'mcu-uid', value: '0123ABCD' }]`. */
export type HardwareUid = z.infer<typeof hardwareUid>;

/**
 * The canonical text of a hardware UID: `kind=value`, sorted by kind, joined by `;`. Two lists of the same parts
 * give the same text, so it serves as a key, and a unit signs it.
 */
export function hardwareUidText(uid: HardwareUid): string {
  return [...uid]
    .sort((a, b) => (a.kind < b.kind ? -1 : 1))
    .map((part) => `${part.kind}=${part.value}`)
    .join(';');
}
