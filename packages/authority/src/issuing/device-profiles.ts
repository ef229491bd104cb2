/** The profile of a contract under a CA, made once for both: its hash costs more than looking it up. */
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Realm } from '@imprint/contract/x509/realm';
import type { Issuer } from './issuer.ts';
import { type DeviceProfile, deviceProfile } from './profile.ts';

export class DeviceProfiles {
  readonly #realm: Realm;
  readonly #made = new WeakMap<ProvisioningContract, WeakMap<Issuer, DeviceProfile>>();

  constructor(realm: Realm) {
    this.#realm = realm;
  }

  of(contract: ProvisioningContract, issuer: Issuer): DeviceProfile {
    let ofContract = this.#made.get(contract);
    if (ofContract === undefined) {
      ofContract = new WeakMap();
      this.#made.set(contract, ofContract);
    }
    let profile = ofContract.get(issuer);
    if (profile === undefined) {
      profile = deviceProfile(contract, this.#realm, issuer.revocation);
      ofContract.set(issuer, profile);
    }
    return profile;
  }
}
