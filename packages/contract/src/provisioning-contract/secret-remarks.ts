/** Finds what does not belong among factory configuration: secrets, and what a site or customer decides later. */

import type { Remark } from './cross-checks.ts';
import type { ProvisioningContract } from './schema.ts';

type Values = ProvisioningContract['factory_configuration']['values'];
type Value = Values[string];

const secretName =
  /(?:^|_)(?:pass(?:word|phrase|wd|code)?|secret|tokens?|api_?keys?|private_?key|psk|pin|credentials?|bearer|activation_?codes?|jwt|seed|(?:wifi|wi_fi|wlan)_?(?:key|pass))(?:_|$)/;
/** What a unit joins a network with. */
const networkName = /(?:^|_)ssid(?:_|$)/;
const laterName =
  /(?:^|_)(?:wifi|wi_fi|wlan|customer|tenant|endpoint|url|location|latitude|longitude|timezone)(?:_|$)/;

/** Texts that can be nothing else. */
const certainSecrets: [RegExp, string][] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
  [/^eyJ[A-Za-z0-9_-]{8,}\./, 'a JSON web token'],
  [/:\/\/[^/@\s]*:[^/@\s]*@/, 'a URL with a password'],
  [/^(?:AKIA|ghp_|sk_live_|xox[bp]-)/, 'an access key'],
];

/** Texts that may be the hash or the public half of something as well. */
const likelySecrets: [RegExp, string][] = [
  [/-----BEGIN /, 'a PEM block'],
  [/^(?:[0-9a-f]{32,}|[0-9A-F]{32,})$/, 'a long random number'],
];

/** True for names under which nobody writes anything but a secret. */
export function isNamedLikeSecret(name: string): boolean {
  return secretName.test(name);
}

/** Secrets and credentials of networks among factory configuration: errors, none of which repeats a value. */
export function secretFaults(values: Values): Remark[] {
  return Object.entries(values).flatMap(([name, value]): Remark[] => {
    const what = faultOf(name, value);
    return what === undefined ? [] : [remark(name, what)];
  });
}

/** Warnings about what is no certain secret; a message never repeats a value. */
export function secretRemarks(values: Values): Remark[] {
  return Object.entries(values).flatMap(([name, value]): Remark[] => {
    const kind = typeof value === 'string' ? likelyKind(value) : undefined;
    if (kind !== undefined) return [remark(name, `looks like ${kind}`)];
    if (!laterName.test(name)) return [];
    return [
      {
        path: pathOf(name),
        message: `${name} is decided by a site or customer, not on the line`,
        hint: 'Name it under deferred_configuration, so that it can change without a new unit.',
      },
    ];
  });
}

function faultOf(name: string, value: Value): string | undefined {
  // whether something is on or off gives nothing away
  if (typeof value === 'boolean') return undefined;
  if (secretName.test(name)) return 'is named like a secret';
  if (networkName.test(name)) return 'is what a unit joins a network with';
  const kind = certainSecrets.find(([pattern]) => typeof value === 'string' && pattern.test(value));
  return kind === undefined ? undefined : `is ${kind[1]}`;
}

function likelyKind(value: string): string | undefined {
  const known = likelySecrets.find(([pattern]) => pattern.test(value));
  if (known !== undefined) return known[1];
  return looksRandom(value) ? 'a long random text' : undefined;
}

const pathOf = (name: string) => ['factory_configuration', 'values', name];

function remark(name: string, what: string): Remark {
  return {
    path: pathOf(name),
    message: `${name} ${what}, and factory configuration is read by every station and kept in logs`,
    hint: 'Name it under deferred_configuration: it is delivered after the device has proven itself.',
  };
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
