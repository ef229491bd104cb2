/** What the log says of the authority's own state: alarms, its clock, a restored log. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { hash, instant, sentence } from './fields.ts';

export const watchEntries = {
  'alarm.raised': z.strictObject({
    kind: z.enum([
      'tbs-mismatch',
      'second-station-session',
      'clock',
      'foreign-identity',
      'log-inconsistent',
      'boards-set-aside',
      'asks-too-fast',
      'guesses-badges',
      'device-clone',
      'unknown-devices',
    ]),
    /** A station, a device, or a part of the authority. */
    subject: z.string().regex(/^[A-Za-z0-9._:-]{1,64}$/),
    detail: sentence,
  }),
  /** A person has set the clock right, or found it right: what a clock alarm halted goes on. */
  'clock.accepted': z.strictObject({ reason: sentence }),
  /** A restored log goes on: `size` and `root` are what it had then, `evidence` the checkpoints that it was held against. */
  'log.restored': z.strictObject({
    size: z.int().min(1),
    root: hash,
    /** When the backup was made. */
    backup_at: instant,
    /** Entries that were brought from elsewhere after the backup. */
    brought: z.int().min(0),
    reason: z.nullable(sentence),
    /** None: a person said that nothing later was signed. */
    evidence: z
      .array(
        z.strictObject({
          size: z.int().min(0),
          root: hash,
          cosigned_by: z.nullable(z.string().min(1).max(256)),
        }),
      )
      .max(limits.evidenceCheckpoints),
  }),
} as const;
