/** The checks of a station, in the order in which they are told. */
import type { Check } from '../check.ts';
import { diskEncryption } from '../disk-encryption.ts';
import { diskRoom } from '../disk-room.ts';
import { certificate } from './certificate.ts';
import { clock } from './clock.ts';
import type { StationFacts } from './facts.ts';
import { files } from './files.ts';
import { folder } from './folder.ts';
import { journal } from './journal.ts';
import { user } from './user.ts';

export const stationChecks: readonly Check<StationFacts>[] = [
  folder,
  certificate,
  clock,
  journal,
  files,
  user,
  { name: 'disk', look: ({ folder: path }) => diskRoom(path) },
  { name: 'disk encryption', look: ({ folder: path, kernel }) => diskEncryption(path, kernel) },
];
