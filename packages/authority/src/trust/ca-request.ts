/** What a new CA is to be, before its key is certified: its name, its subject, and what it is bound to. */
import { caId as caIdSchema, type EntryData } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { anyScope, type CaScope } from '@imprint/contract/x509/ca-scope';
import { largeCaPartitions } from '../issuing/crl-partition.ts';

export type CaKind = EntryData<'ca.requested'>['kind'];
/** As the log has it. */
export type CaRequest = EntryData<'ca.requested'>;

/** What the common name of a CA begins with; the first CA of a realm has it bare. */
const beginnings: Record<CaKind, string> = { device: 'Device Issuing CA', station: 'Station CA' };
/** The CA of each kind that a realm begins with. It is bound to nothing but its realm. */
const firstIds: Record<CaKind, string> = { device: 'device-issuing', station: 'station-issuing' };
const defaultPartitions: Record<CaKind, number> = { device: largeCaPartitions, station: 1 };

/** Kind and subject of the CA of this name. @throws usage where it is no name of a CA */
export function caNamed(caId: string): { kind: CaKind; subject: string } {
  const kind = (['device', 'station'] as const).find((one) => caId.startsWith(`${one}-`));
  if (kind === undefined || !caIdSchema.safeParse(caId).success || caId.endsWith('-root')) {
    throw new ImprintError('usage', `${caId.slice(0, 80)} is no name of a CA`, {
      hint: 'A name begins with device- or station-, then lower-case letters, digits and hyphens, at most 44 in all; it does not end in -root.',
    });
  }
  const isFirst = caId === firstIds[kind];
  return { kind, subject: isFirst ? beginnings[kind] : `${beginnings[kind]} ${caId.slice(kind.length + 1)}` };
}

/** One complete list, where certificates do not say which of several is theirs; absent: as many as a large CA has. */
export function listsBelow(publicUrl: string | undefined): 1 | undefined {
  return publicUrl === undefined ? 1 : undefined;
}

/** The CA of this name that a realm begins with. */
export function firstCa(caId: string, crlPartitions?: number): Omit<CaRequest, 'public_key_sha256'> {
  const named = caNamed(caId);
  return {
    ca_id: caId,
    ...named,
    scope: anyScope,
    crl_partitions: crlPartitions ?? defaultPartitions[named.kind],
    replaces: null,
  };
}

/**
 * A further CA. A station CA certifies PCs, which have no product.
 * @throws usage
 */
export function furtherCa(
  caId: string,
  scope: CaScope,
  options: { crlPartitions?: number; replaces?: string } = {},
): Omit<CaRequest, 'public_key_sha256'> {
  const named = caNamed(caId);
  if (named.kind === 'station' && scope.product !== null) {
    throw new ImprintError('usage', 'a station CA is bound to a site or a year, not to a product', {
      hint: 'Leave --product out, or name a CA that begins with device-.',
    });
  }
  return {
    ca_id: caId,
    ...named,
    scope,
    crl_partitions: options.crlPartitions ?? defaultPartitions[named.kind],
    replaces: options.replaces ?? null,
  };
}

/** A name that says what the CA is bound to, such as `device-2027-gateway-berlin`, unlike those that are taken. */
export function suggestCaId(kind: CaKind, scope: CaScope, taken: ReadonlySet<string>): string {
  const words = [scope.year, scope.product, scope.site]
    .filter((bound) => bound !== null)
    .map((bound) =>
      String(bound)
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, '-'),
    );
  const base = [kind, ...(words.length === 0 ? ['issuing'] : words)]
    .join('-')
    .slice(0, 40)
    .replaceAll(/-+/g, '-')
    .replace(/-$/, '');
  for (let at = 1; ; at++) {
    const id = at === 1 ? base : `${base}-${at}`;
    if (!taken.has(id) && !id.endsWith('-root')) return id;
  }
}
