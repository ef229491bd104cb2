/** The media types of EST (RFC 7030 section 3.2.4, RFC 5967, RFC 8951). */

export const estMediaType = {
  request: 'application/pkcs10',
  certificates: 'application/pkcs7-mime; smime-type=certs-only',
  attributes: 'application/csrattrs',
} as const;

/** The type and subtype that a header names, in lower case and without parameters. */
export function essence(header: string | undefined): string {
  return (header ?? '').split(';')[0]!.trim().toLowerCase();
}
