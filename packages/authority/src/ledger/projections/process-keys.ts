/** Entries of keys that live in the memory of one process: those that answer OCSP, and those under which devices reach a listener. */
import type { EntryData } from '@imprint/contract/audit/entry';
import { fromBase64 } from '@imprint/contract/bytes';
import type { Kysely } from 'kysely';
import type { Tables } from '../../storage/tables.ts';
import { mustChangeOne, type Projections } from './projections.ts';

type ProcessKeyEntries =
  | 'responder.intended'
  | 'responder.certified'
  | 'server.intended'
  | 'server.certified';
type KeyTable = 'responder' | 'server_key';

export const processKeyProjections: Projections<ProcessKeyEntries> = {
  'responder.intended': (tx, { data }) => intend(tx, 'responder', data),
  'responder.certified': (tx, { data }) => certify(tx, 'responder', data),
  'server.intended': (tx, { data }) => intend(tx, 'server_key', data),
  'server.certified': (tx, { data }) => certify(tx, 'server_key', data),
};

async function intend(
  tx: Kysely<Tables>,
  table: KeyTable,
  data: EntryData<'responder.intended'>,
): Promise<void> {
  await tx
    .insertInto(table)
    .values({ ...data, certificate_sha256: null, certificate: null })
    .execute();
}

/** @throws intent_uncertain */
async function certify(
  tx: Kysely<Tables>,
  table: KeyTable,
  { issuer_sha256, serial, certificate_sha256, certificate_b64 }: EntryData<'responder.certified'>,
): Promise<void> {
  const rows = await tx
    .updateTable(table)
    .set({ certificate_sha256, certificate: fromBase64(certificate_b64) })
    .where('serial', '=', serial)
    .where('issuer_sha256', '=', issuer_sha256)
    .where('certificate_sha256', 'is', null)
    .returning('serial')
    .execute();
  mustChangeOne(
    { rows },
    'intent_uncertain',
    `no certificate of a process's key with the serial ${serial} is open`,
  );
}
