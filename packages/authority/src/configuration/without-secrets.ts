/** What a device says of its configuration may repeat it: a text that holds a secret, plainly or in a common encoding, is not written (I-19). */
import type { ConfigurationValue } from '@imprint/contract/provisioning-contract/deferred-configuration';

/** Stands in the place of such a text. */
export const withheld = 'left out: it repeated a secret of the configuration';

export function withoutSecrets(text: string, secrets: readonly ConfigurationValue[]): string {
  const folded = text.toLowerCase();
  const repeats = secrets
    .map(String)
    .filter((secret) => secret !== '')
    .some((secret) => formsOf(secret).some((form) => folded.includes(form.toLowerCase())));
  return repeats ? withheld : text;
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret.toWellFormed()),
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ];
}
