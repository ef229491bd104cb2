/**
 * The device API: what a unit in the field may ask of the authority. Who asks is what its TLS connection proved and the registry lets
 * through; nothing in a body says it. Enrolment is EST and has routes of its own.
 */
import { z } from 'zod';
import { appliedConfiguration, deviceIdText, firmware, instant, realmName } from '../audit/entry.ts';
import { hardwareUid } from '../hardware-uid.ts';
import { route } from './route.ts';

const report = z.strictObject({
  firmware,
  /** The configuration that it applied; null before it has one. */
  configuration: z.nullable(appliedConfiguration),
  /** The board that the unit runs on, as it told the line. Another one than the registry's is a key that moved. */
  hardware_uid: z.optional(hardwareUid),
});

const contact = z.strictObject({
  device_id: deviceIdText,
  realm: realmName,
  state: z.literal('activated'),
  server_time: instant,
  /** When the unit is wanted again: not the same for all units, so that they do not come at once. */
  next_contact_seconds: z.int().min(1),
});

export type DeviceReport = z.infer<typeof report>;
export type DeviceContact = z.infer<typeof contact>;

export const deviceRoutes = {
  hello: route(
    'POST',
    '/v1/device/hello',
    'The unit started: what it runs. Its first contact after it was shipped makes it activated.',
    report,
    contact,
  ),
  heartbeat: route('POST', '/v1/device/heartbeat', 'The unit still runs, and what it runs.', report, contact),
} as const;

export type DeviceRouteName = keyof typeof deviceRoutes;
