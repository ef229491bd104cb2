/**
 * The tables, as Kysely types. Projected tables are rebuilt from the log alone (I-15); the log's own tables and
 * the ephemeral ones are not. Times are ISO 8601 UTC text, hashes lower-case hex, lists and objects JSON text.
 */
import type { ApprovalAct } from '@imprint/contract/approval-act';
import type { ConfigurationScope } from '@imprint/contract/audit/entry';
import type { ContactRefusal } from '@imprint/contract/contact-refusal';
import type { FailureCode } from '@imprint/contract/failure-code';
import type { JobState } from '@imprint/contract/job-state';
import type { LifecycleState } from '@imprint/contract/lifecycle';

/** One row: who this authority is. */
export interface RealmTable {
  realm: string;
  organization: string;
  root_sha256: string;
  log_origin: string;
  log_id: string;
  issuing_ca_sha256: string;
  station_ca_sha256: string;
}

/** A CA under the realm's roots, from its request on. */
export interface CaTable {
  ca_id: string;
  kind: 'device' | 'station';
  /** The common name of its subject. */
  subject: string;
  public_key_sha256: string;
  /** What it is bound to; null is any. */
  product: string | null;
  site: string | null;
  year: number | null;
  crl_partitions: number;
  replaces: string | null;
  status: 'requested' | 'active' | 'retired' | 'compromised';
  certificate_sha256: string | null;
  /** DER. */
  certificate: Uint8Array | null;
  requested_at: string;
  installed_at: string | null;
  retired_at: string | null;
  compromised_at: string | null;
  /** From when on nothing that its key signed is believed. */
  compromised_since: string | null;
  reason: string | null;
}

/** The newest CRL of each branch's root. */
export interface RootCrlTable {
  branch: 'device' | 'station';
  number: number;
  this_update: string;
  next_update: string;
  revoked: number;
  crl_sha256: string;
  /** DER. */
  crl: Uint8Array;
  installed_at: string;
}

/** A key that another realm has certified, and which one. */
export interface ExcludedKeyTable {
  public_key_sha256: string;
  realm: string;
  log_id: string;
}

/** A bundle of trust anchors that was published, one row a version. */
export interface TrustBundleTable {
  version: number;
  sha256: string;
  text: string;
  published_at: string;
}

export interface ContractTable {
  contract_sha256: string;
  product: string;
  revision: string;
  text: string;
  registered_at: string;
}

export interface ProductionOrderTable {
  order_id: string;
  product: string;
  sku: string;
  lot: string;
  contract_sha256: string;
  hardware_revisions: string;
  quantity: number;
  scrap_allowance: number;
  /** How many units of it one station may provision; null: as many as there are. */
  station_share: number | null;
  id_source: 'generated' | 'imported';
  sites: string;
  stations: string;
  opens_at: string;
  closes_at: string;
  created_at: string;
  closed_at: string | null;
  /** Distinct device IDs that an intent was ever recorded for (I-23). */
  issued: number;
}

export interface DeviceTable {
  device_id: string;
  order_id: string;
  state: LifecycleState;
  /** Canonical text of the hardware UID once a job bound one, else null. */
  hardware_uid: string | null;
  /** The job that holds or made this device. */
  job_id: string | null;
  /** 1 once a certificate was intended: it counts against the quota for ever. */
  issued: 0 | 1;
  allocated_at: string;
  manufactured_at: string | null;
  /** Log index of the job.completed entry. */
  completed_index: number | null;
  rma_count: number;
  /** The build that it ran when it was made, or that it said last. */
  last_seen_firmware: string | null;
  /** Canonical JSON of what it said of itself last; null before its first contact. */
  reported: string | null;
  /** Where its debug port may stay open: the approval, or `person:ID` who allowed it where one person acts. */
  debug_exception: string | null;
}

/** Every identifier of every unit that was ever bound, one row a part, so that a part met again elsewhere shows. */
export interface UnitPartTable {
  /** `kind=value`. */
  part: string;
  hardware_uid: string;
}

export interface UnitTable {
  hardware_uid: string;
  /** The device that this unit is or was bound to, null for one that was only ever set aside. */
  device_id: string | null;
  quarantined: 0 | 1;
  reason: string | null;
  quarantined_at: string | null;
  /** Who set it aside: a station's or a person's ID. */
  quarantined_by: string | null;
}

export interface JobTable {
  job_id: string;
  order_id: string;
  device_id: string;
  hardware_uid: string;
  /** The hardware UID as JSON list of parts. */
  hardware_uid_parts: string;
  sku: string;
  hw_rev: string;
  contract_sha256: string;
  manifest_sha256: string;
  state: JobState;
  /** Number of the newest attempt. */
  attempt: number;
  /** 1 while the newest attempt has not ended: it occupies a lane of its station. */
  active: 0 | 1;
  station_id: string;
  lease_expires_at: string;
  opened_at: string;
  ended_at: string | null;
  quarantine_step: string | null;
  failure_code: FailureCode | null;
  reason: string | null;
  /** Log indexes of its opening, and of the newest entry of each name: what a job that is done was told and said is read there. */
  opened_index: number;
  written_index: number | null;
  proven_index: number | null;
  sealed_index: number | null;
}

/** A long text of a job that is not done. `written`, `proven` and `sealed` are JSON of the newest entry of that name. */
export interface JobDocumentTable {
  job_id: string;
  kind: 'manifest' | 'factory_config' | 'written' | 'proven' | 'sealed';
  text: string;
}

export interface AttemptTable {
  job_id: string;
  attempt: number;
  /** Of the entry with which it began. */
  log_index: number;
  operation: string;
  station_id: string;
  site: string;
  lane: number;
  carrier: string | null;
  position: number | null;
  operator_id: string | null;
  station_version: string;
  station_configuration_sha256: string;
  firmware_build_id: string;
  firmware_sha256: string;
  rollback_counter: number;
  started_at: string;
  ended_at: string | null;
  outcome: 'passed' | 'failed' | null;
  step: string | null;
  failure_code: FailureCode | null;
  reason: string | null;
  durations_ms: string | null;
}

export interface CredentialTable {
  credential_id: string;
  job_id: string;
  device_id: string;
  profile: 'idevid' | 'ldevid' | 'claim';
  profile_sha256: string;
  issuer_sha256: string;
  serial: string;
  tbs_sha256: string;
  key_type: string;
  public_key_sha256: string;
  not_before: string;
  not_after: string;
  owner: string;
  lease_expires_at: string;
  /** `intended` until its certificate was released; then one of the four. */
  status: 'intended' | 'active' | 'superseded' | 'revoked' | 'expired';
  certificate_sha256: string | null;
  /** DER. */
  certificate: Uint8Array | null;
  intended_at: string;
  issued_at: string | null;
  superseded_at: string | null;
  revoked_at: string | null;
  revocation_reason: string | null;
}

/** How devices of a product come by their first operational certificate; without a row: by themselves. */
export interface EnrolmentPolicyTable {
  product: string;
  enrolment: 'automatic' | 'approval';
}

/** A device that asks for its first operational certificate where people decide. */
export interface EnrolmentTable {
  enrolment_id: string;
  device_id: string;
  public_key_sha256: string;
  /** `replaced`: it asked again with another key before anybody had decided. */
  state: 'requested' | 'granted' | 'refused' | 'replaced';
  requested_at: string;
  decided_by: string | null;
  decided_at: string | null;
  reason: string | null;
}

/** Every serial that was ever revoked, under its CA: what CRLs are made of. */
export interface RevocationTable {
  issuer_sha256: string;
  /** Of the serial's last two octets: a CRL's partition is a run of them. */
  bucket: number;
  serial: string;
  revoked_at: string;
  /** As `RevocationReason` has it. */
  reason: string;
  /** Of the certificate: after that it leaves the CRL. */
  not_after: string;
  log_index: number;
}

/** Certificates that a compromised CA's key has signed and the log knew nothing of. */
export interface DisownedCertificateTable {
  certificate_sha256: string;
  issuer_sha256: string;
  serial: string;
  not_after: string;
  log_index: number;
}

/** The newest CRL of each partition. */
export interface CrlTable {
  issuer_sha256: string;
  partition: number;
  partitions: number;
  number: number;
  this_update: string;
  next_update: string;
  crl_sha256: string;
  revoked: number;
  /** Every revocation among so many first entries of the log is in it. */
  log_size: number;
}

/** Keys of this authority's processes that answer OCSP for a CA. */
export interface ResponderTable {
  issuer_sha256: string;
  serial: string;
  profile_sha256: string;
  tbs_sha256: string;
  public_key_sha256: string;
  not_before: string;
  not_after: string;
  owner: string;
  certificate_sha256: string | null;
  /** DER. */
  certificate: Uint8Array | null;
}

/** Keys of this authority's processes under which devices reach them. */
export type ServerKeyTable = ResponderTable;

/** A public key serves one device ID for ever (I-7); the row outlives revocation. */
export interface PublicKeyTable {
  public_key_sha256: string;
  device_id: string;
}

export interface StationTable {
  station_id: string;
  site: string;
  line: string;
  lanes: number;
  status: 'invited' | 'pending' | 'confirmed' | 'revoked';
  public_key_sha256: string | null;
  serial: string | null;
  tbs_sha256: string | null;
  certificate_sha256: string | null;
  /** DER. */
  certificate: Uint8Array | null;
  not_after: string | null;
  /** The CA of its certificate; null: the realm's first station CA. */
  issuer_sha256: string | null;
  reason: string | null;
}

export interface OperatorTable {
  operator_id: string;
  registered_at: string;
}

export interface ShiftTable {
  shift_id: string;
  station_id: string;
  operator_id: string;
  opened_at: string;
  closed_at: string | null;
}

export interface OperationResultTable {
  /** Log index: results keep their order. */
  log_index: number;
  device_id: string;
  operation: string;
  outcome: 'pass' | 'fail';
  station_id: string;
  operator_id: string | null;
  note: string | null;
  reported_at: string;
}

export interface SampleTable {
  device_id: string;
  kind: 'golden' | 'must-fail';
  check_every_minutes: number;
}

export interface CheckTable {
  check_id: string;
  purpose: 'pack' | 'golden' | 'must-fail';
  device_id: string;
  station_id: string;
  operator_id: string | null;
  outcome: 'pass' | 'fail';
  failure_code: FailureCode | null;
  recorded_at: string;
}

/** Every change of every device field that has a history: lifecycle, hardware, credentials, operations. */
export interface DeviceHistoryTable {
  log_index: number;
  device_id: string;
  at: string;
  actor: string;
  field: string;
  value: string;
  reason: string | null;
}

export interface AlarmTable {
  log_index: number;
  kind: string;
  subject: string;
  detail: string;
  raised_at: string;
}

/** One row while issuing is halted for the clock's sake. */
export interface ClockHaltTable {
  log_index: number;
  halted_at: string;
  detail: string;
}

/** A person who may act here; what they sign in with stands in `account_login`. */
export interface AccountTable {
  account_id: string;
  /** JSON list. */
  roles: string;
  /** Null for the first ones, which were made on the authority's own machine. */
  enrolled_by: string | null;
  status: 'active' | 'disabled';
  created_at: string;
  disabled_at: string | null;
  reason: string | null;
}

export interface ApiTokenTable {
  token_id: string;
  account_id: string;
  /** JSON list. */
  permissions: string;
  secret_sha256: string;
  label: string;
  created_at: string;
  expires_at: string;
  revoked_at: string | null;
  reason: string | null;
}

export interface ApprovalTable {
  approval_id: string;
  act: ApprovalAct;
  subject: string;
  /** Canonical JSON. */
  parameters: string;
  parameters_sha256: string;
  requested_by: string;
  reason: string;
  requested_at: string;
  expires_at: string;
  state: 'requested' | 'granted' | 'refused' | 'used' | 'expired';
  /** Who granted or refused it, the last of them. */
  decided_by: string | null;
  decided_at: string | null;
  decision_reason: string | null;
  used_at: string | null;
  used_by: string | null;
}

/** At most one row. Without it the realm decides: people act in twos, save in dev. */
export interface PolicyTable {
  realm: string;
  approvals: 'required' | 'not-required';
  order_limit: number | null;
  /** JSON: units by site. */
  site_limits: string;
}

/** Devices that people gave a name together, all of one product. */
export interface ConfigurationGroupTable {
  group_id: string;
  product: string;
  created_at: string;
  reason: string;
}

/** A device stands in one group at most. */
export interface ConfigurationMemberTable {
  device_id: string;
  group_id: string;
}

/** What one product, order, group or device is configured with. */
export interface ConfigurationSetTable {
  scope: ConfigurationScope;
  subject: string;
  newest: number;
  /** The version that is offered, to all or to a share; null after it was taken back. */
  offered: number | null;
  /** What everybody else gets: the last good version; null: nothing. */
  fallback: number | null;
}

export interface ConfigurationVersionTable {
  scope: ConfigurationScope;
  subject: string;
  version: number;
  /** `good`: it was offered to all when the next one came, or people went back to it. */
  state: 'offered' | 'good' | 'stopped' | 'rolled-back';
  /** Canonical JSON: open values by name, and of each secret the hash under which it is sealed. */
  contents: string;
  /** Per cent that people have widened it to; its steps may be further. */
  share: number;
  /** JSON list of shares. */
  steps: string;
  step_minutes: number | null;
  stop_after: number;
  /** Devices that have applied it. */
  applied: number;
  author: string;
  reason: string;
  published_at: string;
  /** When and why it was taken back. */
  ended_at: string | null;
  end_reason: string | null;
}

/** A device that could not apply a version, until it can. */
export interface ConfigurationFailureTable {
  scope: ConfigurationScope;
  subject: string;
  version: number;
  device_id: string;
  detail: string | null;
  failed_at: string;
}

/** What a device said last of its configuration. */
export interface DeviceConfigurationTable {
  device_id: string;
  etag: string;
  outcome: 'applied' | 'failed';
  detail: string | null;
  /** JSON lists of versions: of this configuration, and of the last one that it applied. */
  versions: string;
  applied_versions: string;
  /** How often it has spoken of this configuration. */
  reports: number;
  reported_at: string;
}

// The log itself.

export interface LogEntryTable {
  log_index: number;
  /** The entry's bytes, or what unpacks to them: `packed-entry.ts`. */
  packed: Uint8Array;
  leaf_hash: Uint8Array;
}

/** One row a tile; a partial tile's row grows in place up to 256 hashes of 32 bytes. */
export interface LogTileTable {
  level: number;
  tile_index: number;
  hashes: Uint8Array;
}

/** One row. `frontier` holds the hashes of the complete subtrees, so that appending needs no other read. */
export interface LogHeadTable {
  id: 1;
  size: number;
  root: Uint8Array;
  frontier: Uint8Array;
  last_at: string;
}

// Ephemeral: losing these costs a retry, never a fact.

export interface NonceTable {
  nonce: string;
  purpose: 'prove' | 'attest' | 'check';
  /** The job, or the check, that it was given for. */
  subject: string;
  attempt: number;
  expires_at: string;
  used_at: string | null;
}

export interface RequestTable {
  station_id: string;
  request_id: string;
  body_sha256: string;
  /** JSON of whatever lets the same answer be given again. */
  outcome: string;
  at: string;
}

export interface EnrolmentTokenTable {
  token_sha256: string;
  station_id: string;
  expires_at: string;
  used_by_key_sha256: string | null;
  /** The public key (SubjectPublicKeyInfo, DER) that the station presented with it. */
  spki: Uint8Array | null;
}

/** Who an operator pseudonym is: people's names stay out of the log. */
export interface PersonTable {
  operator_id: string;
  name: string;
  badge_sha256: string;
}

export interface StationSessionTable {
  station_id: string;
  session_id: string;
  station_version: string;
  configuration_sha256: string;
  /** Entries of the log when it was opened: what came after belongs to it. Times of two processes could not tell. */
  log_size: number;
}

export interface OpenCheckTable {
  check_id: string;
  purpose: 'pack' | 'golden' | 'must-fail';
  device_id: string;
  hardware_uid_parts: string;
  station_id: string;
  lane: number;
  operator_id: string | null;
  expires_at: string;
}

/** Who is making the next CRL of a partition. Its number is used up, whatever comes of it. */
export interface CrlClaimTable {
  issuer_sha256: string;
  partition: number;
  number: number;
  owner: string;
  expires_at: string;
}

/** The bytes of the newest CRL of a partition, so that every process serves the same. */
export interface CrlFileTable {
  issuer_sha256: string;
  partition: number;
  number: number;
  /** DER. */
  crl: Uint8Array;
}

/** Who an account is, and what opens it. The log knows neither. */
export interface AccountLoginTable {
  account_id: string;
  name: string;
  /** scrypt with its parameters; null for one who signs in at the company's provider. */
  password: string | null;
  /** The secret of one-time codes, sealed under a key of the key folder. */
  totp: Uint8Array | null;
  /** The 30-second step whose code was used last: no code is good twice. */
  totp_step: number | null;
  oidc_issuer: string | null;
  oidc_subject: string | null;
}

/** A secret value with its salt, sealed under a key of the key folder. The log has its hash. */
export interface ConfigurationSecretTable {
  secret_sha256: string;
  sealed: Uint8Array;
}

export interface AccountSessionTable {
  session_sha256: string;
  account_id: string;
  opened_at: string;
  expires_at: string;
}

/** When a device was last let through, written down now and then. */
export interface DeviceContactTable {
  device_id: string;
  last_seen_at: string;
  /** From where, as the listener saw it. */
  address: string;
  certificate_sha256: string;
}

/** How often a device was turned away for a reason, and from where; under `-` whoever showed what the registry does not know. */
export interface DeviceRefusalTable {
  device_id: string;
  kind: ContactRefusal;
  count: number;
  first_at: string;
  last_at: string;
  /** Of the last time. */
  address: string;
  certificate_sha256: string;
}

export interface ProjectedTables {
  realm: RealmTable;
  ca: CaTable;
  root_crl: RootCrlTable;
  trust_bundle: TrustBundleTable;
  excluded_key: ExcludedKeyTable;
  contract: ContractTable;
  production_order: ProductionOrderTable;
  device: DeviceTable;
  unit: UnitTable;
  unit_part: UnitPartTable;
  job: JobTable;
  job_document: JobDocumentTable;
  attempt: AttemptTable;
  credential: CredentialTable;
  enrolment_policy: EnrolmentPolicyTable;
  enrolment: EnrolmentTable;
  revocation: RevocationTable;
  disowned_certificate: DisownedCertificateTable;
  crl: CrlTable;
  responder: ResponderTable;
  server_key: ServerKeyTable;
  public_key: PublicKeyTable;
  station: StationTable;
  operator: OperatorTable;
  shift: ShiftTable;
  operation_result: OperationResultTable;
  sample: SampleTable;
  sample_check: CheckTable;
  device_history: DeviceHistoryTable;
  alarm: AlarmTable;
  clock_halt: ClockHaltTable;
  account: AccountTable;
  api_token: ApiTokenTable;
  approval: ApprovalTable;
  configuration_group: ConfigurationGroupTable;
  configuration_member: ConfigurationMemberTable;
  configuration_set: ConfigurationSetTable;
  configuration_version: ConfigurationVersionTable;
  configuration_failure: ConfigurationFailureTable;
  device_configuration: DeviceConfigurationTable;
  policy: PolicyTable;
}

export interface LogTables {
  log_entry: LogEntryTable;
  log_tile: LogTileTable;
  log_head: LogHeadTable;
}

export interface EphemeralTables {
  nonce: NonceTable;
  request: RequestTable;
  enrolment_token: EnrolmentTokenTable;
  person: PersonTable;
  station_session: StationSessionTable;
  open_check: OpenCheckTable;
  crl_claim: CrlClaimTable;
  crl_file: CrlFileTable;
  account_login: AccountLoginTable;
  configuration_secret: ConfigurationSecretTable;
  account_session: AccountSessionTable;
  device_contact: DeviceContactTable;
  device_refusal: DeviceRefusalTable;
}

export interface Tables extends ProjectedTables, LogTables, EphemeralTables {}
