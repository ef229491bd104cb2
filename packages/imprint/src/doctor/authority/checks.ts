/** The checks of an authority, in the order in which they are told. Whatever else ends, or can be away, gets its place in this list. */
import type { Check } from '../check.ts';
import { diskEncryption } from '../disk-encryption.ts';
import { diskRoom } from '../disk-room.ts';
import { alarms } from './alarms.ts';
import { backupAge } from './backup-age.ts';
import { certificates } from './certificates.ts';
import { clock } from './clock.ts';
import { compromised } from './compromised.ts';
import { crls } from './crls.ts';
import { database } from './database.ts';
import type { AuthorityFacts } from './facts.ts';
import { files } from './files.ts';
import { intents } from './intents.ts';
import { keys } from './keys.ts';
import { log } from './log.ts';
import { ocspSigners } from './ocsp-signers.ts';
import { rootCrls } from './root-crls.ts';
import { standing } from './standing.ts';
import { stationCertificates } from './station-certificates.ts';

export const authorityChecks: readonly Check<AuthorityFacts>[] = [
  database,
  standing,
  log,
  clock,
  certificates,
  stationCertificates,
  compromised,
  ocspSigners,
  crls,
  rootCrls,
  keys,
  intents,
  alarms,
  backupAge,
  files,
  { name: 'disk', look: ({ home }) => diskRoom(home.folder) },
  { name: 'disk encryption', look: ({ home, kernel }) => diskEncryption(home.folder, kernel) },
];
