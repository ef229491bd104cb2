/**
 * Secrets of configuration: sealed in the database, in the log only as a hash that nobody can guess the value from, open for nobody but
 * the device that they are for.
 */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { ConfigurationScope } from '@imprint/contract/audit/entry';
import { concatBytes, fromHex, fromUtf8, toUtf8 } from '@imprint/contract/bytes';
import { canonicalJson, parseCanonicalJson } from '@imprint/contract/canonical-json';
import { ImprintError } from '@imprint/contract/errors';
import { sha256, sha256Hex } from '@imprint/contract/hash';
import {
  type ConfigurationValue,
  configurationValue,
} from '@imprint/contract/provisioning-contract/deferred-configuration';
import type { Entropy } from '../surroundings.ts';
import { databaseSeal, derivedKey } from '../trust/database-seal.ts';

const saltBytes = 32;
const etagDigits = 32;

/** Where a secret belongs: it opens nowhere else. */
export interface SecretPlace {
  scope: ConfigurationScope;
  subject: string;
  name: string;
}

export interface SealedSecret {
  /** What the log has of it. */
  sha256: string;
  sealed: Uint8Array;
}

export interface ConfigurationVault {
  seal(place: SecretPlace, value: ConfigurationValue): SealedSecret;
  /** @throws log_inconsistent where it is not what the log has the hash of; internal where it was changed */
  open(place: SecretPlace, secret: SealedSecret): ConfigurationValue;
  /** The same values give the same text for this device, and tell nobody without the key anything. */
  etag(deviceId: string, values: Record<string, ConfigurationValue>): string;
}

export function configurationVault(key: KeyObject, entropy: Entropy): ConfigurationVault {
  const box = databaseSeal(key, 'imprint configuration v1', 'the secret at', entropy);
  const etagKey = derivedKey(key, 'imprint configuration etag v1');
  return {
    seal: (place, value) => {
      const content = concatBytes(entropy(saltBytes), toUtf8(canonicalJson(value)));
      return { sha256: sha256Hex(committed(place, content)), sealed: box.seal(content, placeText(place)) };
    },
    open: (place, secret) => {
      const content = box.open(secret.sealed, placeText(place));
      const hash = sha256(committed(place, content));
      if (!timingSafeEqual(hash, fromHex(secret.sha256))) {
        throw new ImprintError(
          'log_inconsistent',
          `the secret at ${placeText(place)} is not that of the log`,
          {
            hint: 'Publish it anew, and find out who changed the database: imprint audit verify.',
          },
        );
      }
      const text = fromUtf8(content.subarray(saltBytes), 'internal');
      return configurationValue.parse(parseCanonicalJson(text));
    },
    etag: (deviceId, values) =>
      createHmac('sha256', etagKey)
        .update(canonicalJson({ device_id: deviceId, values }))
        .digest('hex')
        .slice(0, etagDigits),
  };
}

const placeText = ({ scope, subject, name }: SecretPlace) => `${scope}/${subject}/${name}`;

/** `salt || place || 0x00 || value`: docs/specs/audit-log.md. */
function committed(place: SecretPlace, content: Uint8Array): Uint8Array {
  const salt = content.subarray(0, saltBytes);
  return concatBytes(salt, toUtf8(placeText(place)), new Uint8Array(1), content.subarray(saltBytes));
}
