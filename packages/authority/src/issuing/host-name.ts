/** Host names and addresses as a server's certificate bears them (RFC 5280 section 4.2.1.6). Pure. */
import { isIP } from 'node:net';
import { concatBytes, fromHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import * as tbs from './tbs.ts';

/** Under which this machine reaches itself, whatever it is called elsewhere. */
export const alwaysHosts: readonly string[] = ['localhost', '127.0.0.1', '::1'];

/** The general name of a host, DER: a dNSName or an iPAddress. @throws usage for what is neither */
export function hostName(host: string): Uint8Array {
  const family = isIP(host);
  if (family === 4) return tbs.addressName(Uint8Array.from(host.split('.'), Number));
  if (family === 6) return tbs.addressName(ipv6Octets(host));
  if (host.length <= 253 && /^(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*$/.test(host)) {
    return tbs.dnsName(host);
  }
  throw new ImprintError('usage', `"${host.slice(0, 80)}" is no host name and no IP address.`, {
    hint: 'Name hosts like authority.example.com, 192.0.2.10 or 2001:db8::10.',
  });
}

function ipv6Octets(address: string): Uint8Array {
  const text = address.split('%')[0]!;
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').flatMap(groupDigits));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = new Array<string>(8 - before.length - after.length).fill('0000');
  return concatBytes(...[...before, ...zeros, ...after].map((digits) => fromHex(digits)));
}

/** One group as four digits; an embedded IPv4 address as two groups. */
function groupDigits(group: string): string[] {
  if (!group.includes('.')) return [group.toLowerCase().padStart(4, '0')];
  const octets = group.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'));
  return [octets.slice(0, 2).join(''), octets.slice(2).join('')];
}
