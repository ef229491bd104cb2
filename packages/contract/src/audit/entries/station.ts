/** What the log says of stations and of those who work at them. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { base64, hash, instant, name, sentence, serialHex } from './fields.ts';

export const stationEntries = {
  'station.invited': z.strictObject({
    station_id: name,
    site: name,
    line: name,
    lanes: z.int().min(1).max(limits.lanesPerStation),
    expires_at: instant,
  }),
  'station.requested': z.strictObject({ station_id: name, public_key_sha256: hash }),
  'station.confirmed': z.strictObject({
    station_id: name,
    public_key_sha256: hash,
    serial: serialHex,
    tbs_sha256: hash,
    not_after: instant,
    /** The station CA; absent in entries from before there could be several: the realm's first one. */
    issuer_sha256: z.optional(hash),
  }),
  'station.certified': z.strictObject({
    station_id: name,
    serial: serialHex,
    certificate_sha256: hash,
    certificate_b64: base64,
  }),
  'station.revoked': z.strictObject({ station_id: name, reason: sentence }),
  'operator.registered': z.strictObject({ operator_id: name }),
  'shift.opened': z.strictObject({ shift_id: name, station_id: name, operator_id: name }),
  'shift.closed': z.strictObject({ shift_id: name, station_id: name }),
} as const;
