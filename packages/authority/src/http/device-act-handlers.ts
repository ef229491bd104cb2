/** What stands behind the routes that move devices and revoke credentials: the same functions as the commands, each asking in its own decision. */
import type { deviceActRoutes } from '@imprint/contract/api/device-acts';
import { transitionPermissions } from '@imprint/contract/api/lifecycle';
import { actingLedger } from '../access/acting-ledger.ts';
import { revokeCredential } from '../jobs/revoke-credential.ts';
import { approvedInLog } from '../lifecycle/approved.ts';
import { revokeList } from '../lifecycle/revoke-list.ts';
import { type LifecycleCore, transitionDevice } from '../lifecycle/transition.ts';
import { transitionList } from '../lifecycle/transition-list.ts';
import { tightestVisibility } from '../revocation/visibility.ts';
import type { ManagementCore, ManagementHandlers } from './management-handlers.ts';

export function deviceActHandlers(
  core: ManagementCore,
): Pick<ManagementHandlers, keyof typeof deviceActRoutes> {
  const { ledger, contracts, clock } = core;
  const lifecycle: LifecycleCore = { contracts, approved: approvedInLog };
  const visibleBy = async () => {
    const { boundMs } = await tightestVisibility(ledger.reader, contracts);
    return new Date(clock().getTime() + boundMs).toISOString();
  };
  return {
    moveDevice: async ({ request: { device_id: deviceId, to, reason }, who }) =>
      transitionDevice(actingLedger(ledger, who, transitionPermissions[to]), lifecycle, {
        by: who.actor,
        deviceId,
        to,
        reason,
      }),
    moveDevices: async ({ request: { to, reason, devices, count, dry_run: dryRun }, who }) => {
      const outcome = await transitionList(actingLedger(ledger, who, transitionPermissions[to]), lifecycle, {
        by: who.actor,
        to,
        reason,
        devices: devices.map((row) => ({ deviceId: row.device_id, reason: row.reason })),
        count,
        dryRun,
      });
      return { dry_run: dryRun, ...outcome };
    },
    revokeCredential: async ({ request: { reason, ...which }, who }) => {
      const revoked = await revokeCredential(
        actingLedger(ledger, who, 'credential.revoke'),
        who.actor,
        'serial' in which ? which : { publicKeySha256: which.public_key_sha256 },
        reason,
      );
      return { revoked, visible_by: await visibleBy() };
    },
    revokeCredentials: async ({ request, who }) => {
      const { reason, credentials, expect_count: count, dry_run: dryRun } = request;
      const outcome = await revokeList(actingLedger(ledger, who, 'credential.revoke'), approvedInLog, {
        ...{ by: who.actor, reason, credentials, count, dryRun },
      });
      return { dry_run: dryRun, visible_by: await visibleBy(), ...outcome };
    },
  };
}
