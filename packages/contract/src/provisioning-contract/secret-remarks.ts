/** Finds what does not belong among factory configuration: secrets, and what a site or customer decides later. */

import type { Remark } from './cross-checks.ts';
import type { ProvisioningContract } from './schema.ts';

type Values = ProvisioningContract['factory_configuration']['values'];

const secretName =
  /(?:^|_)(?:pass(?:word|phrase|wd|code)?|secret|tokens?|api_?keys?|private_?key|psk|pin|credentials?|bearer|activation_?codes?|jwt|seed)(?:_|$)/;
const laterName =
  /(?:^|_)(?:wifi|wi_fi|ssid|customer|tenant|endpoint|url|location|latitude|longitude|timezone)(?:_|$)/;

const secretValues: [RegExp, string][] = [
  [/-----BEGIN /, 'a PEM block'],
  [/^eyJ[A-Za-z0-9_-]{8,}\./, 'a JSON web token'],
  [/:\/\/[^/@\s]*:[^/@\s]*@/, 'a URL with a password'],
  [/^(?:AKIA|ghp_|sk_live_|xox[bp]-)/, 'an access key'],
  [/^(?:[0-9a-f]{32,}|[0-9A-F]{32,})$/, 'a long random number'],
];

/** Warnings about names and values; a message never repeats a value. */
export function secretRemarks(values: Values): Remark[] {
  return Object.entries(values).flatMap(([name, value]): Remark[] => {
    const path = ['factory_configuration', 'values', name];
    const kind = typeof value === 'string' ? secretKind(value) : undefined;
    if (secretName.test(name) || kind !== undefined) {
      const what = kind === undefined ? 'is named like a secret' : `looks like ${kind}`;
      return [
        {
          path,
          message: `${name} ${what}, and factory configuration is read by every station and kept in logs`,
          hint: 'Name it under deferred_configuration: it is delivered after the device has proven itself.',
        },
      ];
    }
    if (laterName.test(name)) {
      return [
        {
          path,
          message: `${name} is decided by a site or customer, not on the line`,
          hint: 'Name it under deferred_configuration, so that it can change without a new unit.',
        },
      ];
    }
    return [];
  });
}

function secretKind(value: string): string | undefined {
  const known = secretValues.find(([pattern]) => pattern.test(value));
  if (known !== undefined) return known[1];
  return looksRandom(value) ? 'a long random text' : undefined;
}

/** Base64 or base64url of at least 24 characters in which capitals, small letters and digits are mixed. */
function looksRandom(value: string): boolean {
  return (
    /^[A-Za-z0-9+/_-]{24,}={0,2}$/.test(value) &&
    /[A-Z]/.test(value) &&
    /[a-z]/.test(value) &&
    (value.match(/\d/g)?.length ?? 0) >= 3
  );
}
