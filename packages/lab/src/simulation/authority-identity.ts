/** What an authority is, whoever runs it: its hierarchy and keys, from the seed. */
import type { Signer } from '@imprint/authority/signer/signer';
import { createHierarchy, type Hierarchy } from '@imprint/authority/trust/hierarchy';
import { drawKey } from '@imprint/sim/key-slot';
import { SeededKey, seededSigner } from './seeded-keys.ts';
import { beginning, type World } from './world.ts';

export interface AuthorityIdentity {
  hierarchy: Hierarchy;
  logKey: SeededKey;
  stationSigner: Signer;
}

export async function makeIdentity(world: World): Promise<AuthorityIdentity> {
  const entropy = world.entropy('hierarchy');
  const hierarchy = await createHierarchy({
    realm: 'dev',
    organization: 'Example Devices',
    hosts: [],
    now: new Date(beginning - 86_400_000),
    entropy,
    makeKey: (type) => drawKey(type, entropy),
    openSigner: (key) => seededSigner(key.asymmetricKeyType === 'ed25519' ? 'ed25519' : 'ec-p256', key),
  });
  const { keys } = hierarchy;
  return {
    hierarchy,
    logKey: new SeededKey('ed25519', keys.log),
    stationSigner: seededSigner('ec-p256', keys.stationCa),
  };
}
