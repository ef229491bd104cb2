/**
 * The tables of `tables.ts` as a database holds them. What must never happen is forbidden by keys and unique indexes
 * here (I-4, I-7), whatever the code above does. Every column type is one that SQLite and PostgreSQL both have.
 */
import { emptyRoot } from '@imprint/contract/audit/merkle';
import { type ColumnDefinitionBuilder, type Kysely, type RawBuilder, sql } from 'kysely';
import type { Tables } from './tables.ts';

/** Goes up with every change of a table; a database of another version is refused, never guessed at. */
export const schemaVersion = 7;

/** What is said differently: `blob` (SQLite) or `bytea` (PostgreSQL), PostgreSQL's collation, and SQLite's table options. */
export interface SchemaFlavor {
  bytes: 'blob' | 'bytea';
  /** The type of text where plain `text` would not be compared by its bytes. */
  text?: RawBuilder<unknown>;
  tableOptions?: RawBuilder<unknown>;
  /** For tables of small rows that are found by their key: SQLite keeps them in the key's own tree. */
  keyedTableOptions?: RawBuilder<unknown>;
}

export interface MetaTable {
  id: 1;
  schema_version: number;
  realm: string;
}

type Kind = 'text' | 'integer' | 'bytes';
type Column = Kind | `${Kind} null`;
type Columns<T> = { [C in keyof T & string]: null extends T[C] ? `${Kind} null` : Kind };

/** Every column of every table, a table after those that it refers to; the compiler refuses a table or column that `tables.ts` does not have, and a missing one. */
const columns: { [T in keyof Tables]: Columns<Tables[T]> } = {
  realm: {
    realm: 'text',
    organization: 'text',
    root_sha256: 'text',
    log_origin: 'text',
    log_id: 'text',
    issuing_ca_sha256: 'text',
    station_ca_sha256: 'text',
  },
  ca: {
    ca_id: 'text',
    kind: 'text',
    subject: 'text',
    public_key_sha256: 'text',
    product: 'text null',
    site: 'text null',
    year: 'integer null',
    crl_partitions: 'integer',
    replaces: 'text null',
    status: 'text',
    certificate_sha256: 'text null',
    certificate: 'bytes null',
    requested_at: 'text',
    installed_at: 'text null',
    retired_at: 'text null',
    compromised_at: 'text null',
    compromised_since: 'text null',
    reason: 'text null',
  },
  root_crl: {
    branch: 'text',
    number: 'integer',
    this_update: 'text',
    next_update: 'text',
    revoked: 'integer',
    crl_sha256: 'text',
    crl: 'bytes',
    installed_at: 'text',
  },
  excluded_key: { public_key_sha256: 'text', realm: 'text', log_id: 'text' },
  trust_bundle: { version: 'integer', sha256: 'text', text: 'text', published_at: 'text' },
  contract: {
    contract_sha256: 'text',
    product: 'text',
    revision: 'text',
    text: 'text',
    registered_at: 'text',
  },
  production_order: {
    order_id: 'text',
    product: 'text',
    sku: 'text',
    lot: 'text',
    contract_sha256: 'text',
    hardware_revisions: 'text',
    quantity: 'integer',
    scrap_allowance: 'integer',
    station_share: 'integer null',
    id_source: 'text',
    sites: 'text',
    stations: 'text',
    opens_at: 'text',
    closes_at: 'text',
    created_at: 'text',
    closed_at: 'text null',
    issued: 'integer',
  },
  device: {
    device_id: 'text',
    order_id: 'text',
    state: 'text',
    hardware_uid: 'text null',
    job_id: 'text null',
    issued: 'integer',
    allocated_at: 'text',
    manufactured_at: 'text null',
    completed_index: 'integer null',
    rma_count: 'integer',
    last_seen_firmware: 'text null',
    reported: 'text null',
    debug_exception: 'text null',
  },
  unit_part: { part: 'text', hardware_uid: 'text' },
  unit: {
    hardware_uid: 'text',
    device_id: 'text null',
    quarantined: 'integer',
    reason: 'text null',
    quarantined_at: 'text null',
    quarantined_by: 'text null',
  },
  job: {
    job_id: 'text',
    order_id: 'text',
    device_id: 'text',
    hardware_uid: 'text',
    hardware_uid_parts: 'text',
    sku: 'text',
    hw_rev: 'text',
    contract_sha256: 'text',
    manifest_sha256: 'text',
    state: 'text',
    attempt: 'integer',
    active: 'integer',
    station_id: 'text',
    lease_expires_at: 'text',
    opened_at: 'text',
    ended_at: 'text null',
    quarantine_step: 'text null',
    failure_code: 'text null',
    reason: 'text null',
    opened_index: 'integer',
    written_index: 'integer null',
    proven_index: 'integer null',
    sealed_index: 'integer null',
  },
  job_document: { job_id: 'text', kind: 'text', text: 'text' },
  attempt: {
    job_id: 'text',
    attempt: 'integer',
    log_index: 'integer',
    operation: 'text',
    station_id: 'text',
    site: 'text',
    lane: 'integer',
    carrier: 'text null',
    position: 'integer null',
    operator_id: 'text null',
    station_version: 'text',
    station_configuration_sha256: 'text',
    firmware_build_id: 'text',
    firmware_sha256: 'text',
    rollback_counter: 'integer',
    started_at: 'text',
    ended_at: 'text null',
    outcome: 'text null',
    step: 'text null',
    failure_code: 'text null',
    reason: 'text null',
    durations_ms: 'text null',
  },
  credential: {
    credential_id: 'text',
    job_id: 'text',
    device_id: 'text',
    profile: 'text',
    profile_sha256: 'text',
    issuer_sha256: 'text',
    serial: 'text',
    tbs_sha256: 'text',
    key_type: 'text',
    public_key_sha256: 'text',
    not_before: 'text',
    not_after: 'text',
    owner: 'text',
    lease_expires_at: 'text',
    status: 'text',
    certificate_sha256: 'text null',
    certificate: 'bytes null',
    intended_at: 'text',
    issued_at: 'text null',
    superseded_at: 'text null',
    revoked_at: 'text null',
    revocation_reason: 'text null',
  },
  enrolment_policy: { product: 'text', enrolment: 'text' },
  enrolment: {
    enrolment_id: 'text',
    device_id: 'text',
    public_key_sha256: 'text',
    state: 'text',
    requested_at: 'text',
    decided_by: 'text null',
    decided_at: 'text null',
    reason: 'text null',
  },
  revocation: {
    issuer_sha256: 'text',
    bucket: 'integer',
    serial: 'text',
    revoked_at: 'text',
    reason: 'text',
    not_after: 'text',
    log_index: 'integer',
  },
  disowned_certificate: {
    certificate_sha256: 'text',
    issuer_sha256: 'text',
    serial: 'text',
    not_after: 'text',
    log_index: 'integer',
  },
  crl: {
    issuer_sha256: 'text',
    partition: 'integer',
    partitions: 'integer',
    number: 'integer',
    this_update: 'text',
    next_update: 'text',
    crl_sha256: 'text',
    revoked: 'integer',
    log_size: 'integer',
  },
  responder: {
    issuer_sha256: 'text',
    serial: 'text',
    profile_sha256: 'text',
    tbs_sha256: 'text',
    public_key_sha256: 'text',
    not_before: 'text',
    not_after: 'text',
    owner: 'text',
    certificate_sha256: 'text null',
    certificate: 'bytes null',
  },
  server_key: {
    issuer_sha256: 'text',
    serial: 'text',
    profile_sha256: 'text',
    tbs_sha256: 'text',
    public_key_sha256: 'text',
    not_before: 'text',
    not_after: 'text',
    owner: 'text',
    certificate_sha256: 'text null',
    certificate: 'bytes null',
  },
  public_key: { public_key_sha256: 'text', device_id: 'text' },
  station: {
    station_id: 'text',
    site: 'text',
    line: 'text',
    lanes: 'integer',
    status: 'text',
    public_key_sha256: 'text null',
    serial: 'text null',
    tbs_sha256: 'text null',
    certificate_sha256: 'text null',
    certificate: 'bytes null',
    not_after: 'text null',
    issuer_sha256: 'text null',
    reason: 'text null',
  },
  operator: { operator_id: 'text', registered_at: 'text' },
  shift: {
    shift_id: 'text',
    station_id: 'text',
    operator_id: 'text',
    opened_at: 'text',
    closed_at: 'text null',
  },
  operation_result: {
    log_index: 'integer',
    device_id: 'text',
    operation: 'text',
    outcome: 'text',
    station_id: 'text',
    operator_id: 'text null',
    note: 'text null',
    reported_at: 'text',
  },
  sample: { device_id: 'text', kind: 'text', check_every_minutes: 'integer' },
  sample_check: {
    check_id: 'text',
    purpose: 'text',
    device_id: 'text',
    station_id: 'text',
    operator_id: 'text null',
    outcome: 'text',
    failure_code: 'text null',
    recorded_at: 'text',
  },
  device_history: {
    log_index: 'integer',
    device_id: 'text',
    at: 'text',
    actor: 'text',
    field: 'text',
    value: 'text',
    reason: 'text null',
  },
  alarm: { log_index: 'integer', kind: 'text', subject: 'text', detail: 'text', raised_at: 'text' },
  clock_halt: { log_index: 'integer', halted_at: 'text', detail: 'text' },
  account: {
    account_id: 'text',
    roles: 'text',
    enrolled_by: 'text null',
    status: 'text',
    created_at: 'text',
    disabled_at: 'text null',
    reason: 'text null',
  },
  api_token: {
    token_id: 'text',
    account_id: 'text',
    permissions: 'text',
    secret_sha256: 'text',
    label: 'text',
    created_at: 'text',
    expires_at: 'text',
    revoked_at: 'text null',
    reason: 'text null',
  },
  approval: {
    approval_id: 'text',
    act: 'text',
    subject: 'text',
    parameters: 'text',
    parameters_sha256: 'text',
    requested_by: 'text',
    reason: 'text',
    requested_at: 'text',
    expires_at: 'text',
    state: 'text',
    decided_by: 'text null',
    decided_at: 'text null',
    decision_reason: 'text null',
    used_at: 'text null',
    used_by: 'text null',
  },
  configuration_group: { group_id: 'text', product: 'text', created_at: 'text', reason: 'text' },
  configuration_member: { device_id: 'text', group_id: 'text' },
  configuration_set: {
    scope: 'text',
    subject: 'text',
    newest: 'integer',
    offered: 'integer null',
    fallback: 'integer null',
  },
  configuration_version: {
    scope: 'text',
    subject: 'text',
    version: 'integer',
    state: 'text',
    contents: 'text',
    share: 'integer',
    steps: 'text',
    step_minutes: 'integer null',
    stop_after: 'integer',
    applied: 'integer',
    author: 'text',
    reason: 'text',
    published_at: 'text',
    ended_at: 'text null',
    end_reason: 'text null',
  },
  configuration_failure: {
    scope: 'text',
    subject: 'text',
    version: 'integer',
    device_id: 'text',
    detail: 'text null',
    failed_at: 'text',
  },
  device_configuration: {
    device_id: 'text',
    etag: 'text',
    outcome: 'text',
    detail: 'text null',
    versions: 'text',
    applied_versions: 'text',
    reports: 'integer',
    reported_at: 'text',
  },
  policy: { realm: 'text', approvals: 'text', order_limit: 'integer null', site_limits: 'text' },
  log_entry: { log_index: 'integer', packed: 'bytes', leaf_hash: 'bytes' },
  log_tile: { level: 'integer', tile_index: 'integer', hashes: 'bytes' },
  log_head: { id: 'integer', size: 'integer', root: 'bytes', frontier: 'bytes', last_at: 'text' },
  nonce: {
    nonce: 'text',
    purpose: 'text',
    subject: 'text',
    attempt: 'integer',
    expires_at: 'text',
    used_at: 'text null',
  },
  request: {
    station_id: 'text',
    request_id: 'text',
    body_sha256: 'text',
    outcome: 'text',
    at: 'text',
  },
  enrolment_token: {
    token_sha256: 'text',
    station_id: 'text',
    expires_at: 'text',
    used_by_key_sha256: 'text null',
    spki: 'bytes null',
  },
  person: { operator_id: 'text', name: 'text', badge_sha256: 'text' },
  station_session: {
    station_id: 'text',
    session_id: 'text',
    station_version: 'text',
    configuration_sha256: 'text',
    log_size: 'integer',
  },
  open_check: {
    check_id: 'text',
    purpose: 'text',
    device_id: 'text',
    hardware_uid_parts: 'text',
    station_id: 'text',
    lane: 'integer',
    operator_id: 'text null',
    expires_at: 'text',
  },
  crl_claim: {
    issuer_sha256: 'text',
    partition: 'integer',
    number: 'integer',
    owner: 'text',
    expires_at: 'text',
  },
  crl_file: { issuer_sha256: 'text', partition: 'integer', number: 'integer', crl: 'bytes' },
  account_login: {
    account_id: 'text',
    name: 'text',
    password: 'text null',
    totp: 'bytes null',
    totp_step: 'integer null',
    oidc_issuer: 'text null',
    oidc_subject: 'text null',
  },
  configuration_secret: { secret_sha256: 'text', sealed: 'bytes' },
  account_session: {
    session_sha256: 'text',
    account_id: 'text',
    opened_at: 'text',
    expires_at: 'text',
  },
  device_contact: { device_id: 'text', last_seen_at: 'text', address: 'text', certificate_sha256: 'text' },
  device_refusal: {
    device_id: 'text',
    kind: 'text',
    count: 'integer',
    first_at: 'text',
    last_at: 'text',
    address: 'text',
    certificate_sha256: 'text',
  },
};

export type TableName = keyof Tables;
type ColumnOf<T extends TableName> = keyof Tables[T] & string;

/** The key of each table: also the order in which rows are compared. */
export const primaryKeys: { [T in TableName]: readonly ColumnOf<T>[] } = {
  realm: ['realm'],
  ca: ['ca_id'],
  root_crl: ['branch'],
  trust_bundle: ['version'],
  excluded_key: ['public_key_sha256'],
  contract: ['contract_sha256'],
  production_order: ['order_id'],
  device: ['device_id'],
  unit: ['hardware_uid'],
  unit_part: ['part'],
  job: ['job_id'],
  job_document: ['job_id', 'kind'],
  attempt: ['job_id', 'attempt'],
  credential: ['credential_id'],
  enrolment_policy: ['product'],
  enrolment: ['enrolment_id'],
  revocation: ['issuer_sha256', 'bucket', 'serial'],
  disowned_certificate: ['certificate_sha256'],
  crl: ['issuer_sha256', 'partition'],
  responder: ['serial', 'issuer_sha256'],
  server_key: ['serial', 'issuer_sha256'],
  public_key: ['public_key_sha256'],
  station: ['station_id'],
  operator: ['operator_id'],
  shift: ['shift_id'],
  operation_result: ['log_index'],
  sample: ['device_id'],
  sample_check: ['check_id'],
  device_history: ['device_id', 'log_index', 'field'],
  alarm: ['log_index'],
  clock_halt: ['log_index'],
  log_entry: ['log_index'],
  log_tile: ['level', 'tile_index'],
  log_head: ['id'],
  nonce: ['nonce'],
  request: ['station_id', 'request_id'],
  enrolment_token: ['token_sha256'],
  person: ['operator_id'],
  station_session: ['station_id'],
  open_check: ['check_id'],
  crl_claim: ['issuer_sha256', 'partition'],
  crl_file: ['issuer_sha256', 'partition'],
  account: ['account_id'],
  api_token: ['token_id'],
  approval: ['approval_id'],
  configuration_group: ['group_id'],
  configuration_member: ['device_id'],
  configuration_set: ['scope', 'subject'],
  configuration_version: ['scope', 'subject', 'version'],
  configuration_failure: ['scope', 'subject', 'version', 'device_id'],
  device_configuration: ['device_id'],
  configuration_secret: ['secret_sha256'],
  policy: ['realm'],
  account_login: ['account_id'],
  account_session: ['session_sha256'],
  device_contact: ['device_id'],
  device_refusal: ['device_id', 'kind'],
};

const keyedTables: ReadonlySet<string> = new Set<TableName>([
  'device_history',
  'excluded_key',
  'public_key',
  'revocation',
  'unit',
  'unit_part',
  'nonce',
  'request',
]);

/** What must be there before: a credential of no job, or a job of no device, cannot be written. */
const references: { [T in TableName]?: [column: ColumnOf<T>, target: TableName, targetColumn: string][] } = {
  device: [['order_id', 'production_order', 'order_id']],
  job: [['device_id', 'device', 'device_id']],
  job_document: [['job_id', 'job', 'job_id']],
  attempt: [['job_id', 'job', 'job_id']],
  credential: [['job_id', 'job', 'job_id']],
  public_key: [['device_id', 'device', 'device_id']],
  enrolment: [['device_id', 'device', 'device_id']],
  api_token: [['account_id', 'account', 'account_id']],
  configuration_member: [
    ['device_id', 'device', 'device_id'],
    ['group_id', 'configuration_group', 'group_id'],
  ],
  device_configuration: [['device_id', 'device', 'device_id']],
};

/** The tables that the log alone rebuilds (I-15). */
export const projectedTables = [
  'realm',
  'ca',
  'root_crl',
  'trust_bundle',
  'excluded_key',
  'contract',
  'production_order',
  'device',
  'unit',
  'unit_part',
  'job',
  'job_document',
  'attempt',
  'credential',
  'enrolment_policy',
  'enrolment',
  'revocation',
  'disowned_certificate',
  'crl',
  'responder',
  'server_key',
  'public_key',
  'station',
  'operator',
  'shift',
  'operation_result',
  'sample',
  'sample_check',
  'device_history',
  'alarm',
  'clock_halt',
  'account',
  'api_token',
  'approval',
  'configuration_group',
  'configuration_member',
  'configuration_set',
  'configuration_version',
  'configuration_failure',
  'device_configuration',
  'policy',
] as const satisfies readonly TableName[];

/** The columns of a table, in the order in which it was made. */
export function columnsOf(table: TableName): string[] {
  return Object.keys(columns[table]);
}

/** Makes all tables, the empty log's head and the mark that tells version and realm; runs inside the caller's transaction. */
export async function createSchema(db: Kysely<Tables>, flavor: SchemaFlavor, realm: string): Promise<void> {
  await createTables(db, flavor, realm);
  await createFindingIndexes(db);
}

/** As {@link createSchema}, without the indexes that only find: all that is forbidden is forbidden, and rows are found by their keys. */
export async function createTables(db: Kysely<Tables>, flavor: SchemaFlavor, realm: string): Promise<void> {
  for (const table of Object.keys(columns) as TableName[]) {
    await createTable(db, flavor, table, columns[table], primaryKeys[table]);
  }
  await createForbiddingIndexes(db);
  await createTable(
    db,
    flavor,
    'imprint_schema',
    { id: 'integer', schema_version: 'integer', realm: 'text' },
    ['id'],
  );
  const meta = db as unknown as Kysely<{ imprint_schema: MetaTable }>;
  await meta.insertInto('imprint_schema').values({ id: 1, schema_version: schemaVersion, realm }).execute();
  await db
    .insertInto('log_head')
    .values({
      id: 1,
      size: 0,
      root: emptyRoot,
      frontier: new Uint8Array(0),
      last_at: '1970-01-01T00:00:00.000Z',
    })
    .execute();
}

async function createTable(
  db: Kysely<Tables>,
  flavor: SchemaFlavor,
  table: string,
  definition: Record<string, Column>,
  key: readonly string[],
): Promise<void> {
  let builder = db.schema.createTable(table);
  for (const [column, type] of Object.entries(definition)) {
    const [kind, nullable] = type.split(' ') as [Kind, string | undefined];
    const sqlType = sqlTypeOf(kind, flavor);
    const notNull = (built: ColumnDefinitionBuilder) => (nullable === undefined ? built.notNull() : built);
    builder = builder.addColumn(column, sqlType, notNull);
  }
  let keyed = builder.addPrimaryKeyConstraint(`${table}_key`, key as never);
  for (const [column, target, targetColumn] of references[table as TableName] ?? []) {
    keyed = keyed.addForeignKeyConstraint(`${table}_${column}`, [column] as never, target, [targetColumn]);
  }
  const options = keyedTables.has(table) ? flavor.keyedTableOptions : flavor.tableOptions;
  if (options !== undefined) keyed = keyed.modifyEnd(options);
  await keyed.execute();
}

function sqlTypeOf(kind: Kind, flavor: SchemaFlavor) {
  if (kind === 'text') return flavor.text ?? kind;
  if (kind === 'bytes') return flavor.bytes;
  // PostgreSQL's 32 bits would end a log's indexes at two thousand million
  return flavor.bytes === 'bytea' ? 'bigint' : kind;
}

/** A partial index over what changes at each step is written at each step; this changes once, with the end. */
const isOpenJob = sql<boolean>`ended_at is null`;

/** Indexes without which rows could be that must not be. */
async function createForbiddingIndexes(db: Kysely<Tables>): Promise<void> {
  const { schema } = db;
  const unique = (name: string) => schema.createIndex(name).unique();
  await unique('ca_certificate').on('ca').column('certificate_sha256').execute();
  await unique('ca_public_key').on('ca').column('public_key_sha256').execute();
  // I-4
  await unique('credential_serial').on('credential').columns(['serial', 'issuer_sha256']).execute();
  // I-7
  await unique('credential_one_active')
    .on('credential')
    .columns(['device_id', 'profile'])
    .where(sql.ref('status'), '=', 'active')
    .execute();
  // a device waits with one key
  await unique('enrolment_one_waiting')
    .on('enrolment')
    .column('device_id')
    .where(sql.ref('state'), '=', 'requested')
    .execute();
  await unique('credential_certificate').on('credential').column('certificate_sha256').execute();
  // two stations, one ID or one unit: one winner
  await unique('job_one_open_device').on('job').column('device_id').where(isOpenJob).execute();
  await unique('job_one_open_unit').on('job').column('hardware_uid').where(isOpenJob).execute();
  await unique('contract_revision').on('contract').columns(['product', 'revision']).execute();
  await unique('person_badge').on('person').column('badge_sha256').execute();
  // one identity at the company's provider is one account
  await unique('account_login_oidc').on('account_login').columns(['oidc_issuer', 'oidc_subject']).execute();
  await unique('station_public_key').on('station').column('public_key_sha256').execute();
}

/** Indexes that only find. */
async function createFindingIndexes({ schema }: Kysely<Tables>): Promise<void> {
  // what is released, or certified, leaves these two: they stay as small as what is under way
  await schema
    .createIndex('credential_open_intent')
    .on('credential')
    .column('lease_expires_at')
    .where(sql.ref('status'), '=', 'intended')
    .execute();
  await schema
    .createIndex('credential_superseded')
    .on('credential')
    .column('superseded_at')
    .where(sql.ref('status'), '=', 'superseded')
    .execute();
  // all that a promise is counted by: an order's jobs are as many as its devices, those that are promised a few
  await schema
    .createIndex('job_promised')
    .on('job')
    .columns(['order_id', 'active', 'lease_expires_at', 'job_id'])
    .where(sql.ref('state'), '=', 'opened')
    .execute();
  await schema
    .createIndex('ca_active')
    .on('ca')
    .column('kind')
    .where(sql.ref('status'), '=', 'active')
    .execute();

  await schema
    .createIndex('unit_quarantined_by')
    .on('unit')
    .columns(['quarantined_by', 'quarantined_at'])
    .where(sql.ref('quarantined_by'), 'is not', null)
    .execute();

  const found: [name: string, table: TableName, columns: string[]][] = [
    ['production_order_created', 'production_order', ['created_at', 'order_id']],
    ['device_order', 'device', ['order_id', 'state', 'device_id']],
    ['device_state', 'device', ['state', 'device_id']],
    ['job_device', 'job', ['device_id', 'opened_at']],
    ['job_station', 'job', ['station_id', 'active']],
    ['job_order', 'job', ['order_id']],
    ['attempt_station', 'attempt', ['station_id', 'started_at']],
    ['credential_device', 'credential', ['device_id', 'profile']],
    ['credential_job', 'credential', ['job_id']],
    ['enrolment_device', 'enrolment', ['device_id', 'requested_at']],
    ['enrolment_state', 'enrolment', ['state', 'requested_at']],
    ['revocation_entry', 'revocation', ['log_index']],
    ['shift_station', 'shift', ['station_id', 'closed_at']],
    ['operation_result_device', 'operation_result', ['device_id', 'log_index']],
    ['sample_check_device', 'sample_check', ['device_id', 'station_id', 'recorded_at']],
    ['nonce_subject', 'nonce', ['subject', 'purpose']],
    ['nonce_expiry', 'nonce', ['expires_at']],
    ['request_at', 'request', ['at']],
    ['open_check_expiry', 'open_check', ['expires_at']],
    ['configuration_member_group', 'configuration_member', ['group_id', 'device_id']],
    ['account_enrolled_by', 'account', ['enrolled_by']],
    ['api_token_account', 'api_token', ['account_id']],
    ['approval_act', 'approval', ['act', 'parameters_sha256', 'state']],
    ['approval_requested', 'approval', ['state', 'requested_at']],
    ['account_session_expiry', 'account_session', ['expires_at']],
    ['device_refusal_last', 'device_refusal', ['last_at']],
    ['device_contact_last', 'device_contact', ['last_seen_at']],
  ];
  for (const [name, table, of] of found) {
    await schema
      .createIndex(name)
      .on(table)
      .columns(of as never)
      .execute();
  }
}
