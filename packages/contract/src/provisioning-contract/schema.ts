/**
 * The shape of a provisioning contract, version 1: every key, its type and its bounds. Whatever is not named here is
 * refused. What two keys must agree on stands in `cross-checks.ts`, what is legal but unwise in `advise.ts`.
 */

import { z } from 'zod';
import { limits } from '../limits.ts';
import { configurationName, deferredConfiguration } from './deferred-configuration.ts';

/** Lower-case words joined by hyphens: products, SKUs, partitions, operations. */
const slug = (what: string, maxLength = 48) =>
  z
    .string()
    .max(maxLength)
    .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, `${what} is lower-case letters and digits, joined by hyphens`);

/** Versions and build IDs as people write them; safe in a file name, a URL and a C string. */
const version = (what: string) =>
  z
    .string()
    .max(64)
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
      `${what} is letters, digits, dots, hyphens and underscores, a letter or digit first`,
    );

const distinct = <T>(items: T[]) => new Set(items).size === items.length;

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, {
  error: (issue) =>
    String(issue.input).startsWith('REPLACE_WITH')
      ? 'the placeholder still stands where the SHA-256 of the firmware image belongs'
      : 'a SHA-256 is 64 lower-case hex digits',
});

const fieldGrammar = z.strictObject({
  /** Fixed text before everything else. */
  prefix: z
    .string()
    .max(16)
    .regex(/^[A-Za-z0-9.:-]*$/, 'a prefix holds letters, digits and - . : only'),
  /** Characters that name the site, and digits that name the year; 0 where the ID carries none. */
  site_length: z.int().min(0).max(8),
  year_length: z.literal([0, 2, 4]),
  /** The digits of the serial, in ascending order of value. */
  body_alphabet: z
    .string()
    .min(2)
    .max(64)
    .regex(/^[A-Za-z0-9]*$/, 'a body alphabet holds letters and digits only'),
  body_length: z.int().min(1).max(32),
  check: z.enum(['none', 'luhn-mod-n', 'mod37-36']),
});

const uuidGrammar = z.strictObject({ uuid: z.literal(true) });

export const grammarSchema = z.union([fieldGrammar, uuidGrammar]);

const identity = z.strictObject({
  grammar: grammarSchema,
  derived_from: z.enum(['generated', 'imported', 'hardware-uid', 'mac-address', 'secret']),
  borne_by: z
    .array(z.enum(['label', 'nvm', 'otp', 'secure-element']))
    .min(1)
    .refine(distinct, 'a carrier is named twice'),
  hardware_uid: z
    .array(z.enum(['mcu-uid', 'secure-element-serial', 'tpm-key-hash', 'mac']))
    .min(1)
    .refine(distinct, 'a kind of hardware UID is named twice'),
});

const storageClass = z.enum(['secure-element', 'protected-keystore', 'protected-flash'], {
  error: (issue) =>
    issue.input === 'injected-by-pc'
      ? 'a key that a factory PC makes and injects is refused: whoever takes that PC can copy every device; the unit makes its key inside its slot'
      : undefined,
});

const attestation = z.literal('none', {
  error: (issue) =>
    issue.input === 'tpm-ek' || issue.input === 'secure-element'
      ? `attestation ${issue.input} is not implemented, and nothing may pretend it is`
      : undefined,
});

const oid = z
  .string()
  .max(64)
  .regex(
    /^(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9][0-9]{0,8}))(?:\.(?:0|[1-9][0-9]{0,8}))+$/,
    'an object identifier is decimal arcs joined by dots, as in 1.3.6.1.4.1.99999.1.1',
  );

const credential = z.strictObject({
  key_type: z.enum(['ec-p256', 'ec-p384', 'ed25519']),
  storage: z.strictObject({
    class: storageClass,
    slot: z.int().min(0).max(255),
    access: z.literal('sign-only'),
  }),
  attestation,
  profile: z.strictObject({
    /** The subject's O. */
    organization: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[\x20-\x7e]+$/, 'an organization is printable ASCII'),
    /** `forever` is notAfter 99991231235959Z, as IEEE 802.1AR asks for a birth identity. */
    validity: z.union([z.literal('forever'), z.strictObject({ days: z.int().min(1).max(36_500) })]),
    /** notBefore lies at most this long before the authority's clock. */
    skew_minutes: z.int().min(0).max(1_440),
    /** hwType of the RFC 4108 hardwareModuleName. */
    hardware_type_oid: oid,
    /** A superseded credential is accepted until its successor is first used, and no longer than this. */
    successor_days: z.int().min(0).max(365),
  }),
});

/** The operational identity that a device fetches in the field (IEEE 802.1AR LDevID); subject and names are those of its birth identity. */
const operational = z.strictObject({
  validity_days: z.int().min(1).max(1_095),
  /** Left out: as the birth identity's. */
  key_type: z.optional(z.enum(['ec-p256', 'ec-p384', 'ed25519'])),
  /** Whether a renewal may keep the key; left out: it may. */
  renewal_key: z.optional(z.enum(['any', 'new'])),
});

const storageItem = z.strictObject({
  item: z.enum([
    'trust_anchor',
    'device_id',
    'factory_config',
    'device_cert',
    'chain',
    'private_key',
    'boot_flags',
    'debug_lock',
  ]),
  partition: slug('a partition', 16),
  max_bytes: z.int().min(1).max(limits.dutMessageBytes),
  /** field-writable: by an authenticated update; locked-at-seal: until sealing; one-way: a fuse; sign-only: a key. */
  access: z.enum(['field-writable', 'locked-at-seal', 'one-way', 'sign-only']),
  read_back: z.enum(['required', 'hash', 'forbidden']),
});

const configurationValue = z.union([
  z
    .string()
    .max(256)
    .regex(/^[\x20-\x7e]*$/, 'a value is printable ASCII'),
  z.int(),
  z.boolean(),
]);

const routeStep = z.strictObject({
  operation: slug('an operation'),
  /** True where another program does it and an enrolled station reports pass or fail. */
  external: z.boolean().optional(),
});

export const contractSchema = z.strictObject({
  contract_version: z.literal(1),
  product: slug('a product'),
  revision: version('a revision'),
  skus: z.array(slug('a SKU')).min(1).max(64).refine(distinct, 'a SKU is named twice'),
  hardware_revisions: z
    .array(version('a hardware revision'))
    .min(1)
    .max(64)
    .refine(distinct, 'a hardware revision is named twice'),
  identity,
  credential,
  storage_map: z.array(storageItem).min(1).max(16),
  factory_configuration: z.strictObject({
    version: z.int().min(1),
    values: z.record(configurationName, configurationValue),
  }),
  deferred_configuration: deferredConfiguration,
  firmware: z.strictObject({
    build_id: version('a build ID'),
    sha256: sha256Hex,
    rollback_counter: z.int().min(0).max(0xffff_ffff),
  }),
  boot_flags: z.strictObject({ secure_boot: z.boolean(), disable_jtag: z.boolean() }),
  lock_policy: z.strictObject({
    /** `locked` can be reopened by an authenticated procedure of the maker, `locked-permanently` never, `open` is for bring-up. */
    debug: z.enum(['locked', 'locked-permanently', 'open']),
    exception: z.enum(['approval', 'never']),
  }),
  label: z.strictObject({
    mode: z.enum(['preprinted', 'at-opening', 'at-end']),
    symbology: z.enum(['datamatrix', 'qr', 'code128']),
  }),
  route: z.array(routeStep).min(2).max(16),
  onboarding: z.enum(['factory', 'first-boot', 'hybrid']),
  operational: z.optional(operational),
  rework: z.strictObject({
    attempts_cap: z.int().min(1).max(limits.attemptsPerUnit),
    /** What happens to the credentials of a unit that left our custody and came back. */
    custody_lost: z.enum(['rotate', 'scrap']),
    /** Who accepts what came back for refurbishing: a person by name (also where this is left out), or a station that scans it. */
    accepted_by: z.optional(z.enum(['person', 'station'])),
    /** Whether a refurbished device may get another board; left out: refused. */
    board_swap: z.optional(z.enum(['allowed', 'refused'])),
  }),
  /** What follows where a device's key is used in a way that one device cannot use it; left out: as each says. */
  clone: z.optional(
    z.strictObject({
      /** Two connections from two places at once. Left out: `alarm`, since a device with two ways out may look so. */
      two_places: z.optional(z.enum(['alarm', 'quarantine'])),
      /** The device itself names another board than it was made with. Left out: `quarantine`. */
      other_hardware: z.optional(z.enum(['alarm', 'quarantine'])),
    }),
  ),
  revocation: z.strictObject({ visible_within_minutes: z.int().min(1).max(10_080) }),
});

export type ProvisioningContract = z.infer<typeof contractSchema>;
export type DeviceIdGrammar = z.infer<typeof grammarSchema>;
export type KeyType = ProvisioningContract['credential']['key_type'];
export type StorageItem = ProvisioningContract['storage_map'][number];
