/**
 * Every fault that a simulated factory knows, and for each phase of a unit's visit whether it can strike there. What can is
 * tried, and what cannot says why: a run in which a cell is neither fails.
 */
import type { FaultKind } from '@imprint/sim/faults';

/** The steps of the procedure, and what lies around them: the scan before, the report of a failure, the station's start. */
export const phases = [
  'scan',
  'identify',
  'open',
  'key',
  'write',
  'prove',
  'seal',
  'attest',
  'selftest',
  'label',
  'complete',
  'report',
  'recover',
] as const;
export type Phase = (typeof phases)[number];

/** Where a fault strikes: the kind of operation that it disturbs. */
export type Site =
  | 'scan'
  | 'label'
  | 'exchange'
  | 'rail'
  | 'link'
  | 'request'
  | 'journal'
  | 'journal-file'
  | 'database'
  | 'statement'
  | 'authority-request'
  | 'signing'
  | 'any-time';

interface FaultEntry {
  site: Site;
  words: string;
}

const exchange: Record<Exclude<FaultKind, 'swap'>, string> = {
  'request-lost': 'the unit does not hear a request',
  'request-torn': 'bytes of a request are missing',
  'request-flipped': 'bits of a request are flipped',
  'request-doubled': 'a request arrives twice',
  'reply-lost': 'a reply is lost',
  'reply-torn': 'bytes of a reply are missing',
  'reply-flipped': 'bits of a reply are flipped',
  'reply-doubled': 'a reply arrives twice',
  'reply-chatter': 'colour codes and log lines before a reply',
  'reply-merged': 'a reply without its newline',
  'reply-huge-line': 'a line of noise longer than anybody takes',
  reset: 'the unit resets',
  'power-before': "the unit's power is cut before a command",
  'power-during': "the unit's power is cut in the middle of a write or burn",
  'power-after': "the unit's power is cut after a command",
};

const others = {
  'unit-swapped': { site: 'exchange', words: 'another unit lies in the fixture from now on' },
  'cable-pulled': { site: 'link', words: 'the wire is gone and comes back' },

  'label-check-wrong': { site: 'scan', words: 'the barcode has a wrong check character' },
  'label-of-no-order': { site: 'scan', words: 'a well-formed ID that no order has' },
  'label-of-finished': { site: 'scan', words: 'the label of a finished unit is on another one' },
  'label-of-another': { site: 'scan', words: "another unit's label is scanned" },
  'scanned-twice': { site: 'scan', words: 'the same label is scanned again while the lane is at work' },
  'scanned-elsewhere': { site: 'scan', words: 'the same label is scanned at another lane at the same time' },
  'finished-again': { site: 'scan', words: 'a finished unit is scanned again' },
  'wrong-label-back': { site: 'label', words: 'another label is scanned back' },

  'network-request-lost': { site: 'request', words: 'a request never arrives' },
  'network-reply-lost': { site: 'request', words: 'the reply is lost after the commit' },
  'network-request-doubled': { site: 'request', words: 'a request arrives twice' },
  'network-request-late': { site: 'request', words: 'a request arrives a minute later' },
  'network-reply-replayed': { site: 'request', words: 'an older reply of the same route comes instead' },
  'network-replies-swapped': { site: 'request', words: 'the reply of another job comes instead' },
  'network-down': { site: 'any-time', words: 'the network is gone for half a minute' },

  'station-killed': { site: 'any-time', words: 'the station is killed' },
  'station-killed-at-journal': { site: 'journal', words: 'the station is killed at a write of its journal' },
  'station-killed-at-request': { site: 'request', words: 'the station is killed at a request or its answer' },
  'station-killed-at-link': { site: 'link', words: 'the station is killed at a write to the unit' },
  'line-power-cut': { site: 'any-time', words: 'station and units lose power at once' },
  'journal-eio': { site: 'journal', words: "the journal's disk gives EIO" },
  'journal-kept': { site: 'journal', words: "the journal's fsync fails and the data is kept" },
  'journal-full': { site: 'journal', words: "the journal's disk is full" },
  'journal-torn': { site: 'journal-file', words: 'the journal is cut short' },
  'journal-flipped': { site: 'journal-file', words: 'bits of the journal are flipped' },
  'journal-lost': { site: 'journal-file', words: 'the journal is gone' },
  'station-clock-wrong': { site: 'any-time', words: "the station's clock is a year off" },

  'authority-killed': { site: 'any-time', words: 'the authority is killed' },
  'authority-killed-at-database': {
    site: 'database',
    words: 'the authority is killed at a statement or commit',
  },
  'authority-killed-at-reply': {
    site: 'authority-request',
    words: 'the authority is killed before it replies',
  },
  'authority-killed-at-signing': {
    site: 'signing',
    words: 'the authority is killed when its key has signed',
  },
  'database-eio': { site: 'database', words: "the authority's disk gives EIO" },
  'commit-lost': { site: 'database', words: 'a commit fails and is lost' },
  'commit-kept': { site: 'database', words: 'a commit fails and is kept' },
  'database-full': { site: 'database', words: "the authority's disk is full" },
  'database-busy': { site: 'database', words: 'another process holds the database' },
  'signer-refuses': { site: 'signing', words: 'the signing key does not answer' },
  'signer-uncertain': { site: 'signing', words: 'the key signs, and the answer is an error' },
  'signer-hangs': { site: 'signing', words: 'the key signs, and the answer never comes' },
  'signer-wrong-key': { site: 'signing', words: 'another key signs' },
  'signer-wrong-bytes': { site: 'signing', words: 'other bytes are signed' },
  'clock-hour': { site: 'any-time', words: "the authority's clock jumps by an hour" },
  'clock-year': { site: 'any-time', words: "the authority's clock jumps by a year" },
} as const satisfies Record<string, FaultEntry>;

/** Where one process has the database for itself: several meet other faults in their place. */
const onlySole: ReadonlySet<FaultName> = new Set([
  'authority-killed',
  'authority-killed-at-database',
  'database-eio',
  'commit-lost',
  'commit-kept',
  'database-full',
  'database-busy',
  'clock-hour',
  'clock-year',
]);

/** Where several processes share a database on a server. */
const onlyReplicas = {
  'replica-killed': { site: 'any-time', words: 'one of the authorities is killed' },
  'replica-killed-at-statement': {
    site: 'statement',
    words: 'an authority is killed before, during or after a statement',
  },
  'replica-hangs': { site: 'statement', words: 'an authority halts in the middle of a tick' },
  'replica-cut-off': { site: 'any-time', words: 'an authority is cut from the database' },
  'replica-clock-off': { site: 'any-time', words: "an authority's clock is half a minute off" },
  'replica-clock-hour': { site: 'any-time', words: "an authority's clock jumps by an hour" },
  'station-cut-from-replica': { site: 'any-time', words: 'a station is cut from one of the authorities' },
  'connection-lost': { site: 'statement', words: 'the connection is lost before a statement' },
  'commit-unsent': { site: 'statement', words: 'the connection is lost before a commit' },
  'commit-unanswered': { site: 'statement', words: 'the connection is lost after a commit' },
  'commit-late': { site: 'statement', words: 'the connection is lost, and the commit arrives later' },
  'server-restarted': { site: 'any-time', words: 'the database server is restarted' },
  'server-away': { site: 'any-time', words: 'the database server is gone for more than half a minute' },
  'server-crashed-at-commit': { site: 'statement', words: 'the database server crashes at a commit' },
  'server-full': { site: 'statement', words: "the database server's disk is full" },
  'server-eio': { site: 'statement', words: "the database server's disk gives EIO" },
} as const satisfies Record<string, FaultEntry>;

export type FaultName = Exclude<FaultKind, 'swap'> | keyof typeof others | keyof typeof onlyReplicas;

export const catalogue: Record<FaultName, FaultEntry> = {
  ...(Object.fromEntries(
    Object.entries(exchange).map(([name, words]) => [
      name,
      { site: name === 'power-during' ? 'rail' : 'exchange', words },
    ]),
  ) as Record<Exclude<FaultKind, 'swap'>, FaultEntry>),
  ...others,
  ...onlyReplicas,
};

export const faultNames = Object.keys(catalogue) as FaultName[];

const withUnit: readonly Phase[] = [
  'identify',
  'key',
  'write',
  'prove',
  'seal',
  'attest',
  'selftest',
  'complete',
];
const writing: readonly Phase[] = ['key', 'write', 'seal'];
const withAuthority: readonly Phase[] = ['open', 'key', 'prove', 'complete', 'report', 'recover'];
const withJournal: readonly Phase[] = phases.filter((phase) => phase !== 'scan' && phase !== 'identify');

/** Why this fault cannot strike in this phase; undefined where it can, and so has to be tried. */
export function impossible(fault: FaultName, phase: Phase): string | undefined {
  const { site } = catalogue[fault];
  switch (site) {
    case 'scan':
      return phase === 'scan' ? undefined : 'labels are read at the scan';
    case 'label':
      return phase === 'label' ? undefined : 'a label is scanned back in the step of that name';
    case 'exchange':
    case 'link':
      return withUnit.includes(phase) ? undefined : 'the unit is not spoken to';
    case 'rail':
      return writing.includes(phase) ? undefined : 'nothing is written or burnt';
    case 'request':
    case 'authority-request':
      if (!withAuthority.includes(phase)) return 'the authority is asked nothing';
      if (fault === 'network-replies-swapped' && (phase === 'report' || phase === 'recover'))
        return 'nothing in the reply is about one job';
      if (fault === 'network-reply-replayed' && phase === 'recover')
        return 'a session has no older reply of its own';
      return undefined;
    case 'journal':
      return withJournal.includes(phase) ? undefined : 'nothing is written to the journal';
    case 'journal-file':
      return phase === 'recover' ? undefined : 'the file is looked at when the station starts';
    case 'database':
    case 'statement':
      return withAuthority.includes(phase) ? undefined : 'the authority is asked nothing';
    case 'signing':
      return phase === 'key' ? undefined : 'the issuing key signs in the key step alone';
    case 'any-time':
      return undefined;
  }
}

export interface Cell {
  fault: FaultName;
  phase: Phase;
}

/** All cells that can be tried. */
export const possibleCells: readonly Cell[] = faultNames.flatMap((fault) =>
  phases.filter((phase) => impossible(fault, phase) === undefined).map((phase) => ({ fault, phase })),
);

/** Those of a factory with one authority, and of these the ones that a factory with several can try too. */
export const cellsOfSole = possibleCells.filter(({ fault }) => !(fault in onlyReplicas));
export const cellsOfAll = cellsOfSole.filter(({ fault }) => !onlySole.has(fault));
/** Those that only a factory with several can try. */
export const cellsOfReplicasAlone = possibleCells.filter(({ fault }) => fault in onlyReplicas);

export function cellName({ fault, phase }: Cell): string {
  return `${fault} x ${phase}`;
}
