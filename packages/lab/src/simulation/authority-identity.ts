/** What an authority is, whoever runs it: its hierarchy and keys, from the seed. */
import { type Issuer, openIssuer } from '@imprint/authority/issuing/issuer';
import type { Signer } from '@imprint/authority/signer/signer';
import { createHierarchy, type Hierarchy, keyNames } from '@imprint/authority/trust/hierarchy';
import { drawKey } from '@imprint/sim/key-slot';
import { SeededKey, seededSigner } from './seeded-keys.ts';
import { beginning, type World } from './world.ts';

export interface AuthorityIdentity {
  hierarchy: Hierarchy;
  logKey: SeededKey;
  /** By name: the keys of all CAs that were made so far, as every process of the authority has them. */
  caSigners: Map<string, Signer>;
  /** What signs further CAs for devices. */
  root: Issuer;
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
  const { keys, certificates } = hierarchy;
  const caSigners = new Map(
    (['issuing', 'stationCa'] as const).map((name) => [keyNames[name], seededSigner('ec-p256', keys[name])]),
  );
  const root = openIssuer(certificates.root, seededSigner('ec-p256', keys.root), 'dev');
  return { hierarchy, logKey: new SeededKey('ed25519', keys.log), caSigners, root };
}
