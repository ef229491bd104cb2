/** The profile of a contract under a CA, made once for both: its hash costs more than looking it up. */
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Realm } from '@imprint/contract/x509/realm';
import type { Issuer } from './issuer.ts';
import { type DeviceProfile, type DeviceProfileName, deviceProfile } from './profile.ts';

export class DeviceProfiles {
  readonly #realm: Realm;
  readonly #name: DeviceProfileName;
  readonly #made = new WeakMap<ProvisioningContract, WeakMap<Issuer, DeviceProfile>>();

  constructor(realm: Realm, name: DeviceProfileName = 'idevid') {
    this.#realm = realm;
    this.#name = name;
  }

  /** @throws not_authorized where the contract has no such credential */
  of(contract: ProvisioningContract, issuer: Issuer): DeviceProfile {
    let ofContract = this.#made.get(contract);
    if (ofContract === undefined) {
      ofContract = new WeakMap();
      this.#made.set(contract, ofContract);
    }
    let profile = ofContract.get(issuer);
    if (profile === undefined) {
      profile = deviceProfile(contract, this.#realm, issuer.revocation, this.#name);
      ofContract.set(issuer, profile);
    }
    return profile;
  }
}
