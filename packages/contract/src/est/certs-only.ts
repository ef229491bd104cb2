/**
 * Certificates without a signature around them: a degenerate SignedData of CMS (RFC 5652 section 5.1, RFC 7030 section 4.1.3), in its one
 * strict form. What is in it proves itself or is refused by whoever verifies chains; this trusts none of it.
 */
import { ImprintError } from '../errors.ts';
import { limits } from '../limits.ts';
import { compareEncodings, contextTag, type DerElement, DerReader, derTag } from '../x509/der.ts';
import { derExplicit, derInteger, derOid, derSequence, derSetOf } from '../x509/der-writer.ts';

const signedDataOid = '1.2.840.113549.1.7.2';
const dataOid = '1.2.840.113549.1.7.1';
const signedData = derOid(signedDataOid);
const noContent = derSequence(derOid(dataOid));
const none = derSetOf();
const certificatesTag = contextTag(0, true);
/** Header and the empty fields of the outer structures. */
const frameBytes = 128;

/** The ContentInfo (DER) of these certificates (DER), sorted as a SET OF is; their order says nothing. */
export function writeCertsOnly(certificates: readonly Uint8Array[]): Uint8Array {
  return derSequence(
    signedData,
    derExplicit(
      0,
      derSequence(
        derInteger(1),
        none,
        noContent,
        derExplicit(0, ...certificates.toSorted(compareEncodings)),
        none,
      ),
    ),
  );
}

/**
 * The certificates (DER) of a ContentInfo, in its order: version 1, no algorithms, no content, no CRLs, no signers.
 * @throws der_invalid for another structure; request_too_large for more than `limits.estCertificates`, or more bytes than those may have
 */
export function readCertsOnly(der: Uint8Array): Uint8Array[] {
  const most = limits.estCertificates * limits.certificateBytes + frameBytes;
  if (der.length > most) throw tooLarge();
  const outer = DerReader.over(der, most);
  const info = outer.enter();
  outer.end();
  requireOid(info, signedDataOid);
  const wrapped = info.enter(contextTag(0, true));
  info.end();
  const fields = wrapped.enter();
  wrapped.end();
  if (fields.smallInteger() !== 1) throw other('the version of SignedData is not 1');
  if (fields.setOf().length > 0) throw other('SignedData names digest algorithms');
  const content = fields.enter();
  requireOid(content, dataOid);
  content.end();
  const certificates = fields.inside(fields.element(certificatesTag));
  const found: DerElement[] = [];
  while (!certificates.atEnd) {
    if (found.length === limits.estCertificates) throw tooLarge();
    found.push(certificates.element(derTag.sequence));
  }
  if (found.length === 0) throw other('SignedData holds no certificate');
  if (fields.setOf().length > 0) throw other('SignedData has signers');
  fields.end();
  return found.map(({ bytes }) => Uint8Array.from(bytes));
}

function requireOid(reader: DerReader, wanted: string): void {
  const found = reader.oid();
  if (found !== wanted) throw other(`content of type ${found} is not certificates alone`);
}

function other(what: string): ImprintError {
  return new ImprintError('der_invalid', `This is no certs-only message: ${what}.`, {
    hint: '`openssl pkcs7 -inform DER -print_certs` shows what it holds.',
  });
}

function tooLarge(): ImprintError {
  return new ImprintError(
    'request_too_large',
    `A certs-only message holds at most ${limits.estCertificates} certificates of ${limits.certificateBytes} bytes.`,
  );
}
