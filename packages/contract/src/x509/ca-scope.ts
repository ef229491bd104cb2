/**
 * What a CA may certify beside its realm and branch: one product, one site, one signing year, or any of them. It stands in the CA's
 * certificate as an extension of ours, and a leaf repeats the product and site that its issuer is bound to, so that anybody who has the
 * chain alone can tell a certificate outside its issuer's scope (I-9).
 */

import type { Certificate } from './certificate.ts';
import { contextTag, type DerReader, parseText } from './der.ts';
import { derImplicit, derInteger, derSequence, ia5Octets } from './der-writer.ts';
import { refusal } from './refusal.ts';

/** Null is "any". */
export interface CaScope {
  product: string | null;
  /** As stations are registered with it, which need not be how device IDs spell it. */
  site: string | null;
  /** The calendar year, UTC, in which the CA may sign; what it signed is valid for longer. */
  year: number | null;
}

/** What a certificate says in its scope extension; a leaf has no year of its own, since its notBefore says when it was signed. */
export type CertificateScope = Partial<{ product: string; site: string; year: number }>;

export const anyScope: CaScope = { product: null, site: null, year: null };

/** A contract's product, and a site as entries name it. */
export const scopePattern = {
  product: /^[a-z0-9]+(?:-[a-z0-9]+)*$/,
  site: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
} as const;
const maxProductLength = 48;
export const scopeYears = { least: 2000, most: 9998 } as const;

export function sameScope(one: CaScope, other: CaScope): boolean {
  return one.product === other.product && one.site === other.site && one.year === other.year;
}

/** Whether a CA of this scope may certify for this product, site and year. What is not known is in no scope that asks for it. */
export function scopeHolds(scope: CaScope, wanted: CaScope): boolean {
  return (['product', 'site', 'year'] as const).every(
    (field) => scope[field] === null || scope[field] === wanted[field],
  );
}

/** How a person reads it: `gateway, berlin, 2026`, or `any` for a CA that is bound to nothing. */
export function scopeText({ product, site, year }: CaScope): string {
  const bounds = [product, site, year].filter((bound) => bound !== null);
  return bounds.length === 0 ? 'any' : bounds.join(', ');
}

/** The scope of a CA's certificate. */
export function scopeOfCa({ extensions }: Pick<Certificate, 'extensions'>): CaScope {
  return { ...anyScope, ...extensions.scope };
}

/** A scope as a CA's certificate says it; undefined where it is bound to nothing, and has no such extension. */
export function scopeSaid({ product, site, year }: CaScope): CertificateScope | undefined {
  const said: CertificateScope = {
    ...(product === null ? {} : { product }),
    ...(site === null ? {} : { site }),
    ...(year === null ? {} : { year }),
  };
  return Object.keys(said).length === 0 ? undefined : said;
}

/** What a leaf under a CA of this scope says of itself: the product and site that its issuer is bound to, and no more. */
export function leafScope(scope: CaScope): CertificateScope | undefined {
  return scopeSaid({ ...scope, year: null });
}

/**
 * The extension's value: SEQUENCE { product [0] IMPLICIT IA5String OPTIONAL, site [1] IMPLICIT IA5String OPTIONAL,
 * year [2] IMPLICIT INTEGER OPTIONAL }, at least one of them.
 */
export function encodeScope({ product, site, year }: CertificateScope): Uint8Array {
  return derSequence(
    ...(product === undefined ? [] : [derImplicit(0, ia5Octets(product))]),
    ...(site === undefined ? [] : [derImplicit(1, ia5Octets(site))]),
    // the content of an INTEGER, without its tag and its one length octet
    ...(year === undefined ? [] : [derImplicit(2, derInteger(year).subarray(2))]),
  );
}

/** Reads what {@link encodeScope} writes, and nothing else. @throws certificate_refused (`extension_value_wrong`) */
export function readScope(value: DerReader): CertificateScope {
  const fields = value.enter();
  const { offset } = fields;
  const scope: CertificateScope = {};
  const product = fields.optional(contextTag(0, false));
  if (product !== undefined) scope.product = parseText(product);
  const site = fields.optional(contextTag(1, false));
  if (site !== undefined) scope.site = parseText(site);
  const year = fields.optional(contextTag(2, false));
  if (year !== undefined) scope.year = (year.content[0]! << 8) | year.content[1]!;
  fields.end();
  const holds =
    (product === undefined ||
      (scopePattern.product.test(scope.product!) && scope.product!.length <= maxProductLength)) &&
    (site === undefined || scopePattern.site.test(scope.site!)) &&
    // two octets hold every such year, and there is one form for each
    (year === undefined ||
      (year.content.length === 2 && scope.year! >= scopeYears.least && scope.year! <= scopeYears.most)) &&
    Object.keys(scope).length > 0;
  if (!holds) throw refusal('extension_value_wrong', { extension: 'scope', offset });
  return scope;
}

/**
 * Holds a leaf against the scope of each CA above it, its own issuer first. The leaf says exactly what its issuer is bound to, was
 * signed in its issuer's year, and keeps to whatever the CAs further up are bound to.
 * @throws certificate_refused (`scope_mismatch`) with the field and both values
 */
export function checkScope(leaf: Certificate, authorities: readonly Certificate[]): void {
  const said = leaf.extensions.scope ?? {};
  const signed = Number(leaf.notBefore.slice(0, 4));
  if (said.year !== undefined) throw mismatch('year', said.year, null);
  for (const [above, ca] of authorities.entries()) {
    const scope = scopeOfCa(ca);
    for (const field of ['product', 'site'] as const) {
      const isBound = scope[field] !== null;
      // nobody above vouches for what the issuer itself is not bound to
      if ((isBound || above === 0) && (said[field] ?? null) !== scope[field]) {
        throw mismatch(field, said[field] ?? null, scope[field]);
      }
    }
    if (scope.year !== null && scope.year !== signed) throw mismatch('year', signed, scope.year);
  }
}

function mismatch(field: keyof CaScope, found: string | number | null, allowed: string | number | null) {
  return refusal('scope_mismatch', { field, found, allowed });
}
