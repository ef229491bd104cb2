/** CRLs (RFC 5280 section 5) and OCSP responses (RFC 6960 section 4.2) as a client of its own reads them: parsed here, signatures by OpenSSL. */
import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import { type DerElement, elementsOf, insideOf, serialOf, timeOf } from './der-walk.ts';

export interface ReadCrl {
  number: number;
  /** Milliseconds since 1970. */
  thisUpdateMs: number;
  nextUpdateMs: number;
  /** Hex, without a sign octet. */
  serials: Set<string>;
  isSigned: boolean;
}

export interface ReadOcsp {
  /** What the answer says of the one certificate, or of itself: 0 is a success. */
  error: number;
  status?: 'good' | 'revoked' | 'unknown';
  serial?: string;
  thisUpdateMs?: number;
  nextUpdateMs?: number;
  isSigned?: boolean;
}

const crlNumber = Buffer.from('0603551d14', 'hex');
const utcTime = 0x17;
const generalizedTime = 0x18;

export function readCrl(der: Uint8Array, issuer: KeyObject): ReadCrl {
  const [tbs, , signature] = insideOf(der) as [DerElement, DerElement, DerElement];
  const fields = elementsOf(tbs.content);
  const times = fields.filter(({ tag }) => tag === utcTime || tag === generalizedTime);
  const after = fields[fields.indexOf(times[1]!) + 1];
  const revoked = after?.tag === 0x30 ? elementsOf(after.content) : [];
  return {
    number: numberOfCrl(tbs.all),
    thisUpdateMs: timeOf(times[0]!),
    nextUpdateMs: timeOf(times[1]!),
    serials: new Set(revoked.map(({ content }) => serialOf(elementsOf(content)[0]!))),
    isSigned: verify('sha256', tbs.all, issuer, signature.content.subarray(1)),
  };
}

/** The cRLNumber of a TBSCertList. */
export function numberOfCrl(tbs: Uint8Array): number {
  for (const { content } of extensionsOf(tbs)) {
    const [type, value] = elementsOf(content) as [DerElement, DerElement];
    if (type.all.equals(crlNumber)) return Number.parseInt(serialOf(elementsOf(value.content)[0]!), 16);
  }
  throw new RangeError('a CRL without a number');
}

/** What a CRL says of itself beside its number: the key that signs, and the distribution point. */
export function scopeOfCrl(tbs: Uint8Array): string {
  const others = extensionsOf(tbs).filter(({ content }) => !elementsOf(content)[0]!.all.equals(crlNumber));
  return others.map(({ all }) => all.toString('hex')).join();
}

function extensionsOf(tbs: Uint8Array): DerElement[] {
  return insideOf(insideOf(tbs).find(({ tag }) => tag === 0xa0)!.content);
}

/** Only a list begins with its version; a certificate has it in a context tag. */
export function isCrlTbs(tbs: Uint8Array): boolean {
  return insideOf(tbs)[0]?.tag === 0x02;
}

/** The response to a request about one certificate. */
export function readOcsp(der: Uint8Array, issuer: KeyObject): ReadOcsp {
  const [outcome, wrapped] = insideOf(der) as [DerElement, DerElement | undefined];
  const error = outcome.content[0]!;
  if (error !== 0 || wrapped === undefined) return { error };
  const [, octets] = insideOf(wrapped.content) as [DerElement, DerElement];
  const [data, , signature, certificates] = insideOf(octets.content) as [
    DerElement,
    DerElement,
    DerElement,
    DerElement,
  ];
  const responder = new X509Certificate(insideOf(certificates.content)[0]!.all);
  const responses = elementsOf(data.content).find(({ tag }) => tag === 0x30)!;
  const [certId, status, thisUpdate, next] = insideOf(responses.content) as [
    DerElement,
    DerElement,
    DerElement,
    DerElement,
  ];
  return {
    error,
    status: status.tag === 0x80 ? 'good' : status.tag === 0xa1 ? 'revoked' : 'unknown',
    serial: serialOf(elementsOf(certId.content)[3]!),
    thisUpdateMs: timeOf(thisUpdate),
    nextUpdateMs: timeOf(elementsOf(next.content)[0]!),
    isSigned:
      responder.verify(issuer) &&
      verify('sha256', data.all, responder.publicKey, signature.content.subarray(1)),
  };
}
