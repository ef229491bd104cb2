/**
 * The closed catalogue of everything that Imprint refuses or reports. Inside a process an error is an
 * {@link ImprintError}; over HTTP it is a problem document (RFC 9457) with the same code.
 */

/** Each code with the HTTP status that it has on the wire. A code is never reused for another meaning. */
export const errorCatalogue = {
  // input that is wrong in itself
  bad_request: 400,
  bundle_invalid: 400,
  /** A ceremony's stick, transcript, request or key share does not hold. */
  ceremony_invalid: 400,
  certificate_refused: 400,
  checkpoint_invalid: 400,
  /** A value that the contract does not allow, or a name that it does not have. */
  configuration_invalid: 400,
  contract_invalid: 400,
  csr_invalid: 400,
  csr_proof_wrong: 400,
  der_invalid: 400,
  device_id_check_wrong: 400,
  device_id_invalid: 400,
  entry_invalid: 400,
  json_invalid: 400,
  key_unsupported: 400,
  manifest_invalid: 400,
  proof_wrong: 400,
  receipt_invalid: 400,
  request_too_large: 413,
  request_timeout: 408,
  signature_wrong: 400,
  // who asks
  account_disabled: 403,
  /** The contract, or a person, does not let this device have another certificate. */
  enrolment_refused: 403,
  /** What one device alone cannot do was done under its key. */
  clone_suspected: 403,
  /** The key of the certificate's CA was stolen: the device asks for another one, with the key that it has. */
  certify_anew: 403,
  /** The certificate was revoked, or superseded and past its time. */
  credential_revoked: 403,
  /** Set aside, returned, lost, retired or scrapped: the context says which. */
  device_barred: 403,
  /** A device is inert until people ship it. */
  device_not_shipped: 403,
  /** Only an activated device is given its configuration. */
  device_not_activated: 403,
  login_refused: 401,
  not_authenticated: 401,
  not_authorized: 403,
  station_pending: 403,
  station_revoked: 403,
  station_outdated: 403,
  station_session_taken: 409,
  token_invalid: 401,
  // what is asked for
  unknown_account: 404,
  unknown_approval: 404,
  unknown_ca: 404,
  unknown_contract: 404,
  unknown_configuration: 404,
  unknown_device: 404,
  unknown_enrolment: 404,
  unknown_group: 404,
  unknown_job: 404,
  unknown_operator: 404,
  unknown_order: 404,
  unknown_route: 404,
  unknown_station: 404,
  unknown_token: 404,
  // what the present state does not allow
  account_conflict: 409,
  approval_invalid: 409,
  /** The act takes a second person; the context holds the act and its parameters. */
  approval_required: 409,
  attempt_cap_reached: 409,
  /** There is a CA of that name, or another one for the same scope. */
  ca_conflict: 409,
  /** No active CA may certify for this product, site and year. */
  ca_missing: 409,
  /** The CA is retired, or waits for its certificate. */
  ca_not_active: 409,
  /** What people counted is not what the registry has. */
  count_wrong: 409,
  /** Another version is under way, the device has another one by now, or nothing would change. */
  configuration_conflict: 409,
  device_already_done: 409,
  device_quarantined: 409,
  /** It came back, and nobody has accepted it for refurbishing yet. */
  device_returned: 409,
  evidence_wrong: 409,
  idempotency_conflict: 409,
  intent_uncertain: 409,
  job_not_open: 409,
  job_state_wrong: 409,
  key_reused: 409,
  lane_limit_reached: 409,
  nonce_invalid: 409,
  not_allocated: 409,
  order_closed: 409,
  order_conflict: 409,
  quota_exhausted: 409,
  rate_limited: 429,
  realm_mismatch: 409,
  sample_overdue: 409,
  shift_not_open: 409,
  transition_refused: 409,
  unit_conflict: 409,
  /** A known unit was scanned under another unit's label; nothing was set aside. */
  wrong_label: 409,
  wrong_site: 409,
  // what is broken on our side
  clock_untrusted: 503,
  /** Two tokens, or two keys of a token, answer to the one name. */
  hsm_ambiguous: 503,
  /** A key that was outside of its token once, or may leave it. */
  hsm_key_exposed: 503,
  hsm_key_missing: 503,
  hsm_token_full: 503,
  hsm_token_missing: 503,
  internal: 500,
  key_locked: 503,
  lint_refused: 500,
  /** The authority was restored, and nobody has said yet that its log is the newest there was. */
  log_held: 503,
  log_inconsistent: 503,
  storage_failed: 503,
  tbs_mismatch: 500,
  unavailable: 503,
  // the unit and its wire
  dut_garbled: 502,
  dut_protocol: 502,
  dut_refused: 502,
  dut_reset: 502,
  dut_silent: 504,
  link_lost: 502,
  // local files and tools
  file_invalid: 400,
  home_exists: 409,
  home_missing: 404,
  passphrase_wrong: 401,
  path_refused: 400,
  tool_missing: 500,
  usage: 400,
} as const;

export type ErrorCode = keyof typeof errorCatalogue;

export interface ErrorDetails {
  /** What the person who reads this does now, as a plain sentence. */
  hint?: string;
  /** Names, numbers and positions that locate the fault; never a secret. */
  context?: Record<string, unknown>;
  cause?: unknown;
}

/** The one error class. `code` is what programs branch on, `message` and `hint` are what people read. */
export class ImprintError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly context: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ImprintError';
    this.code = code;
    this.hint = details.hint;
    this.context = details.context ?? {};
  }
}

/** True where `error` is an {@link ImprintError}, with one of the given codes if any are given. */
export function isImprintError(error: unknown, ...codes: ErrorCode[]): error is ImprintError {
  return error instanceof ImprintError && (codes.length === 0 || codes.includes(error.code));
}

/** True where the string is a code of the catalogue: what arrives over a wire is checked with this first. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}
