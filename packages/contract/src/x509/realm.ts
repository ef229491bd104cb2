/**
 * How a realm stands in certificates: as a policy in every one, and as an organizational unit in every CA's subject.
 * Nothing crosses a realm, whatever configuration files say (I-20).
 */

export const realms = ['dev', 'test', 'prod'] as const;
export type Realm = (typeof realms)[number];

/** Arcs under 2.25, each the number of a random UUID (ITU-T X.667): nobody else's, and without a registration. Never to change. */
const policyOids: Record<Realm, string> = {
  dev: '2.25.323525551891398393023663731975657606703',
  test: '2.25.42148554739640077755938372374736228499',
  prod: '2.25.161661640734084248030098787133932154958',
};

/** The certificate policy that every certificate of the realm bears, and no other certificate. */
export function realmPolicyOid(realm: Realm): string {
  return policyOids[realm];
}

/**
 * The second certificate policy of a device's operational certificate (IEEE 802.1AR LDevID), and of no other: subject and names are those of
 * its birth certificate, so that this alone tells the two apart. Never to change: certificates bear it.
 */
export const operationalPolicyOid = '2.25.69531894546864968654182761037691120467';

/** The realm whose policy this is. */
export function realmOfPolicy(policyOid: string): Realm | undefined {
  return realms.find((realm) => policyOids[realm] === policyOid);
}

/** The organizational unit in the subject of every CA of the realm. */
export function realmUnit(realm: Realm): string {
  return `imprint realm ${realm}`;
}

/** The URI in the SAN of a device's certificate. */
export function deviceUri(realm: Realm, deviceId: string): string {
  return `urn:imprint:${realm}:${deviceId}`;
}

/** The URI in the SAN of a station's certificate. No device ID begins with `station:`, so it is no device's. */
export function stationUri(realm: Realm, stationId: string): string {
  return `urn:imprint:${realm}:station:${stationId}`;
}
