/**
 * The messages between station and unit, one schema a command. The article's four (`set_device_id`,
 * `write_certs`, `sign_challenge`, `finalize`) keep its names and fields; the others are spoken only after `hello`.
 */
import { z } from 'zod';
import { hardwareUid } from '../hardware-uid.ts';
import { limits } from '../limits.ts';
import { attestedState, bootFlags, debugLock } from './statement.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const base64 = z.base64();
const printable = z.string().regex(/^[\x21-\x7e]{1,128}$/);
const pem = z.string().max(limits.dutMessageBytes);

export const keyType = z.enum(['ec-p256', 'ec-p384', 'ed25519']);

export const firmwareState = z.strictObject({
  build_id: printable,
  sha256: hash,
  rollback_counter: z.int().min(0),
});

/** What the unit is: constant between two resets. */
export const helloReply = z.strictObject({
  version: z.literal(1),
  /** Drawn anew at each `hello`; a unit that was reset has none and answers `no_session`. */
  session: z.string().regex(/^[0-9a-f]{8}$/),
  /** The longest line, in bytes without its newline, that the unit takes and gives. */
  max_line: z.int().min(limits.dutLineBytesMin).max(limits.dutLineBytes),
  /** So many requests may be under way at once: the unit keeps as many lines and as many of its last replies. Left out for one. */
  window: z.optional(z.int().min(1).max(limits.dutWindow)),
  /** `sign-challenge`: a development build that still answers `sign_challenge`; only the dev realm accepts it. */
  features: z.array(z.enum(['sign-challenge'])).max(8),
  hardware_uid: hardwareUid,
  hw_rev: printable,
  product: printable,
  firmware: firmwareState,
  realm: z.enum(['dev', 'test', 'prod']),
  /** SHA-256 of the root certificate, DER, that the firmware pins. */
  root_sha256: hash,
  storage_map_sha256: hash,
});

const storedItem = z.enum([
  'device_id',
  'device_cert',
  'chain',
  'trust_anchor',
  'factory_config',
  'key',
  'reopened',
]);

/** What the unit holds now, read from storage and fuses at each call: what an earlier attempt left behind. */
export const statusReply = z.strictObject({
  boot_count: z.int().min(0),
  debug_lock: debugLock,
  boot_flags: bootFlags,
  device_id: z.nullable(printable),
  key: z.nullable(z.strictObject({ slot: z.int().min(0), type: keyType, public_key_sha256: hash })),
  certificate_sha256: z.nullable(hash),
  chain_sha256: z.nullable(hash),
  trust_anchor_sha256: z.nullable(hash),
  factory_config_sha256: z.nullable(hash),
  /** Items whose stored bytes fail their own check, as a power cut leaves them. */
  torn: z.array(storedItem),
  /** The job for which a sealed unit takes writes until it is closed again; left out where it takes none, or is not sealed. */
  reopened: z.optional(printable),
});

const nothing = z.strictObject({});
const signed = z.strictObject({ signed_by: printable, signature_b64: base64 });

function command<Payload extends z.ZodType, Reply extends z.ZodType>(payload: Payload, reply: Reply) {
  return { payload, reply };
}

/** Every command: what it carries and what a positive answer carries beside `ok`. */
export const dutCommands = {
  hello: command(z.strictObject({ versions: z.array(z.int()).min(1).max(8) }), helloReply),
  status: command(nothing, statusReply),
  /** Answers with the CSR of the key in the slot; makes one where there is none, or where `replace` says so and the unit is not sealed. */
  generate_key: command(
    z.strictObject({ slot: z.int().min(0), type: keyType, replace: z.boolean() }),
    z.strictObject({ csr_b64: base64, public_key_sha256: hash }),
  ),
  write_trust_anchor: command(z.strictObject({ trust_anchor_pem: pem }), nothing),
  set_device_id: command(z.strictObject({ device_id: printable }), nothing),
  /** The text is stored and hashed as it stands (canonical JSON); it names log, contract and versions. */
  write_factory_config: command(z.strictObject({ config: z.string().max(8192) }), nothing),
  write_certs: command(z.strictObject({ device_cert_pem: pem, chain_pem: pem }), nothing),
  read_trust_anchor: command(nothing, z.strictObject({ trust_anchor_pem: pem })),
  read_device_id: command(nothing, z.strictObject({ device_id: printable })),
  read_factory_config: command(nothing, z.strictObject({ config: z.string().max(8192) })),
  read_certs: command(nothing, z.strictObject({ device_cert_pem: pem, chain_pem: pem })),
  prove: command(z.strictObject({ job: printable, attempt: z.int().min(1), nonce: hash }), signed),
  attest: command(
    z.strictObject({ job: printable, attempt: z.int().min(1), nonce: hash }),
    z.strictObject({ ...signed.shape, state: attestedState }),
  ),
  /** Burns the flags given as true. Irreversible; a flag that is burnt already is left alone. */
  write_boot_flags: command(z.strictObject({ boot_flags: bootFlags }), nothing),
  /** A sealed unit takes writes again, on the word of the log whose ID its configuration bears; no fuse is touched. */
  reopen: command(
    z.strictObject({ job: printable, log_key_b64: base64, signature_b64: base64 }),
    z.strictObject({ reopened: printable }),
  ),
  /** Closes a reopened unit. With `lock_debug` irreversible. `permanent` (after `hello` only) asks for a lock that no key opens again. */
  finalize: command(
    z.strictObject({ lock_debug: z.boolean(), permanent: z.optional(z.boolean()) }),
    z.strictObject({ debug_lock: z.optional(debugLock) }),
  ),
  selftest: command(
    z.strictObject({ timeout_s: z.int().min(1).max(600) }),
    z.strictObject({
      passed: z.boolean(),
      results: z
        .array(
          z.strictObject({
            name: printable,
            passed: z.boolean(),
            detail: z.string().regex(/^[\x20-\x7e]{0,200}$/),
          }),
        )
        .max(64),
    }),
  ),
  /** Answers, then starts anew, as a power cycle does: the session ends, `boot_count` goes up. */
  reboot: command(nothing, nothing),
  /** The article's: signs what it is given. Refused after `hello`, save by a development build in the dev realm. */
  sign_challenge: command(z.strictObject({ challenge_b64: base64 }), signed),
  /** One piece of a payload that is longer than a line; the command itself then names the whole by length and hash. */
  put_chunk: command(
    z.strictObject({
      offset: z.int().min(0),
      total: z.int().min(1).max(limits.dutMessageBytes),
      data_b64: base64,
    }),
    nothing,
  ),
  /** One piece of the reply that the unit holds because it is longer than a line. */
  get_chunk: command(
    z.strictObject({ offset: z.int().min(0), length: z.int().min(1).max(limits.dutLineBytes) }),
    z.strictObject({ data_b64: base64 }),
  ),
} as const;

export type DutCommand = keyof typeof dutCommands;
export type DutPayload<C extends DutCommand> = z.infer<(typeof dutCommands)[C]['payload']>;
export type DutReply<C extends DutCommand> = z.infer<(typeof dutCommands)[C]['reply']>;
export type HelloReply = z.infer<typeof helloReply>;
export type StatusReply = z.infer<typeof statusReply>;

/** The closed set of refusals that a unit may answer with. */
export const dutErrors = {
  bad_frame: 'the line was damaged on its way',
  bad_seq: 'the sequence number is neither the next nor the last',
  no_session: 'the unit was reset since the last hello',
  unknown_command: 'the firmware does not know this command',
  bad_payload: 'the payload does not fit the command',
  too_long: 'more bytes than the unit can take',
  wrong_root: 'not signed under the root that the firmware pins',
  wrong_device: 'the certificate is for another device ID or key',
  no_key: 'the slot holds no key',
  key_exists: 'the slot holds a key of another type',
  not_written: 'an item that is needed was not written yet',
  sealed: 'the unit is sealed and takes no more writes',
  storage_failed: 'the storage did not take or give the bytes',
  refused: 'the firmware does not do this',
  busy: 'the unit is still at work on the last command',
} as const;

export type DutErrorCode = keyof typeof dutErrors;

export function isDutErrorCode(code: string): code is DutErrorCode {
  return Object.hasOwn(dutErrors, code);
}
