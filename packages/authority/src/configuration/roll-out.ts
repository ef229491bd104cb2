/** What people do with a version that was published: offer it to more devices, or take it back, so that they get the last good one. */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import type { ConfigurationCore } from './core.ts';
import { requireSet, requireVersion, type SetName } from './set.ts';
import { shareAt } from './share.ts';

export interface Widened extends SetName {
  version: number;
  share: number;
}

export interface RolledBack extends SetName {
  from: number;
  /** What all devices of the set get now; null: nothing of this set. */
  to: number | null;
}

/**
 * Offers the version under way to so many per cent.
 * @throws unknown_configuration, configuration_conflict where none is under way or it is offered to as many already, bad_request
 */
export async function widenConfiguration(
  core: Pick<ConfigurationCore, 'ledger'>,
  by: Actor,
  name: SetName,
  share: number,
  reason: string,
): Promise<Widened> {
  const { scope, subject } = name;
  if (!Number.isInteger(share) || share < 1 || share > 100) {
    throw new ImprintError('bad_request', 'a share is 1 to 100 per cent', { hint: 'Give it with --share.' });
  }
  return core.ledger.submit(async ({ tx, at }) => {
    const { offered } = await requireSet(tx, name);
    if (offered === undefined) {
      throw new ImprintError('configuration_conflict', `no version of the ${scope} ${subject} is under way`, {
        hint: 'The last one was taken back: publish what its devices are to get.',
      });
    }
    const present = shareAt(offered, at);
    if (share <= present) {
      throw new ImprintError(
        'configuration_conflict',
        `version ${offered.version} is offered to ${present} % already`,
        { hint: 'A share only grows; to take it back from all, roll it back.' },
      );
    }
    const data = { scope, subject, version: offered.version, share, reason };
    return {
      entries: [{ type: 'configuration.widened', actor: by, data }],
      reply: () => ({ scope, subject, version: offered.version, share }),
    };
  });
}

/**
 * Takes the version in force back. Without `to` all devices of the set get the last good one, with it an older one.
 * @throws unknown_configuration, configuration_conflict where nothing is in force, or `to` is that very version or was stopped
 */
export function rollBackConfiguration(
  core: Pick<ConfigurationCore, 'ledger'>,
  by: Actor,
  name: SetName,
  to: number | undefined,
  reason: string,
): Promise<RolledBack> {
  const { scope, subject } = name;
  return core.ledger.submit(async ({ tx }) => {
    const { offered, fallback } = await requireSet(tx, name);
    const inForce = offered ?? fallback;
    if (inForce === undefined) {
      throw new ImprintError('configuration_conflict', `nothing of the ${scope} ${subject} is in force`, {
        hint: 'Its devices get what less specific sets say.',
      });
    }
    if (to === inForce.version) {
      throw new ImprintError('configuration_conflict', `version ${to} is the one in force`, {
        hint: 'Name an older one.',
      });
    }
    if (to === undefined && offered === undefined) {
      throw new ImprintError('configuration_conflict', `version ${inForce.version} is the last good one`, {
        hint: 'Name the version to go back to with --to, or publish a new one.',
      });
    }
    const target = to === undefined ? fallback : await requireVersion(tx, name, to);
    if (target?.state === 'stopped') {
      throw new ImprintError(
        'configuration_conflict',
        `version ${target.version} was stopped: devices failed`,
        {
          hint: 'Publish its values anew where they were not at fault.',
        },
      );
    }
    const data = { scope, subject, from: inForce.version, to: target?.version ?? null, reason };
    return {
      entries: [{ type: 'configuration.rolled-back', actor: by, data }],
      reply: () => ({ scope, subject, from: data.from, to: data.to }),
    };
  });
}
