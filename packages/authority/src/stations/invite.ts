/** A person invites a station: a token of minutes for one station at one place, of which only the hash is kept. */
import type { Actor } from '@imprint/contract/audit/entry';
import { toHex, toUtf8 } from '@imprint/contract/bytes';
import { encodeEnrolmentToken } from '@imprint/contract/enrolment-token';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import type { StationCore } from './station-core.ts';

export interface Invitation {
  stationId: string;
  site: string;
  line: string;
  lanes: number;
  /** `https://host:port` of the station listener, as the station reaches it. */
  url: string;
}

/**
 * The token's text and when it runs out. A station that was invited, or revoked, is invited anew by a new token; one
 * that works must be revoked first.
 * @throws bad_request where the station is confirmed and at work
 */
export function inviteStation(
  core: StationCore,
  by: Actor,
  invitation: Invitation,
): Promise<{ token: string; expires_at: string }> {
  const { stationId, site, line, lanes, url } = invitation;
  const secret = toHex(core.entropy(32));
  const token = encodeEnrolmentToken({
    realm: core.realm,
    station_id: stationId,
    url,
    pin_sha256: sha256Hex(core.stationRoot),
    secret,
  });
  return core.ledger.submit(async (reading) => {
    const present = await reading.tx
      .selectFrom('station')
      .select('status')
      .where('station_id', '=', stationId)
      .executeTakeFirst();
    if (present?.status === 'confirmed') {
      throw new ImprintError('bad_request', `station ${stationId} is enrolled and at work`, {
        hint: `Revoke it first: imprint station revoke ${stationId} --reason "…"`,
      });
    }
    const expiresAt = new Date(reading.now.getTime() + limits.enrolmentTokenLifeMs).toISOString();
    return {
      entries: [
        {
          type: 'station.invited',
          actor: by,
          data: { station_id: stationId, site, line, lanes, expires_at: expiresAt },
        },
      ],
      remember: async (tx) => {
        await tx.deleteFrom('enrolment_token').where('station_id', '=', stationId).execute();
        await tx
          .insertInto('enrolment_token')
          .values({
            token_sha256: sha256Hex(toUtf8(secret)),
            station_id: stationId,
            expires_at: expiresAt,
            used_by_key_sha256: null,
          })
          .execute();
      },
      reply: () => ({ token, expires_at: expiresAt }),
    };
  });
}
