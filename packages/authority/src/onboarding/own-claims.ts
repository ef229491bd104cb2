/**
 * A request that names another device is refused, whoever signed it: nothing of its names would stand in the certificate (I-6), but
 * whoever sends it is mistaken, or tries something. Names that are no device's are passed over.
 */
import { parseDeviceId } from '@imprint/contract/device-id';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import type { RequestClaims } from '@imprint/contract/est/request-claims';
import type { DeviceIdGrammar, ProvisioningContract } from '@imprint/contract/provisioning-contract';
import { deviceUri, type Realm } from '@imprint/contract/x509/realm';

/** @throws csr_invalid for the serial number, the URI or a name of another device */
export function requireOwnClaims(
  claims: RequestClaims,
  deviceId: string,
  contract: ProvisioningContract,
  realm: Realm,
): void {
  const { grammar } = contract.identity;
  const others = [
    ...claims.serialNumbers.filter((text) => text !== deviceId),
    ...claims.commonNames.filter((text) => text !== deviceId && isDeviceId(text, grammar)),
    ...claims.uris.filter((uri) => /^urn:imprint:/i.test(uri) && uri !== deviceUri(realm, deviceId)),
  ];
  if (others.length === 0) return;
  throw new ImprintError('csr_invalid', `The request names another device than ${deviceId}, which asks.`, {
    hint: 'Leave the subject out of the request, or take that of the present certificate.',
  });
}

function isDeviceId(text: string, grammar: DeviceIdGrammar): boolean {
  try {
    parseDeviceId(text, grammar);
    return true;
  } catch (error) {
    if (isImprintError(error)) return false;
    throw error;
  }
}
