/**
 * Lets a restored authority write and sign again, and says so in its log: only where it continues every checkpoint that is known
 * of, or where a person says that nothing later was signed (I-16).
 */
import { unpackEntry } from '@imprint/authority/storage/packed-entry';
import { decodeEntry, type EntryData } from '@imprint/contract/audit/entry';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { type Acting, type ActingOptions, actAs } from '../act-as.ts';
import { continues } from '../home-standing.ts';
import { readLogMark } from '../log-mark.ts';
import type { OpenAuthority } from '../open-authority.ts';
import { bringUpTo, lostEntries } from './bring-up-to.ts';
import { type Evidence, type EvidenceOptions, evidenceOf, readEvidence, requireFew } from './evidence.ts';
import { endHeld, type Held, readHeld } from './held.ts';

type OpenHome = Omit<OpenAuthority, 'person'>;

export interface ReleaseOptions extends EvidenceOptions, ActingOptions {
  entries?: string[] | undefined;
  /** A person's word that no checkpoint was signed after the backup. */
  nothingLater?: boolean | undefined;
  reason?: string | undefined;
}

export type Released = EntryData<'log.restored'>;

/**
 * The person needs the permission `log.release`.
 * @throws bad_request where the home is not held; log_held where nothing is known of what was signed later, and nobody says
 * that it is nothing; log_inconsistent where entries are missing, or the log has another history; usage, checkpoint_invalid,
 * signature_wrong, file_invalid
 */
export async function releaseHome(
  options: ReleaseOptions,
  onProgress: (appended: number) => void = () => undefined,
): Promise<Released> {
  let released: Released | undefined;
  await actAs({ ...options, releasing: true }, 'log.release', async (authority, acting) => {
    released = await release(authority, acting, options, onProgress);
  });
  return released!;
}

async function release(
  authority: OpenHome,
  acting: Acting,
  options: ReleaseOptions,
  onProgress: (appended: number) => void,
): Promise<Released> {
  const { home, storage, logKey } = authority;
  const held = readHeld(home);
  if (held === undefined) {
    throw new ImprintError(
      'bad_request',
      `the authority in ${home.folder} is not held: there is nothing to release`,
      {
        hint: 'Only what imprint restore made is held.',
      },
    );
  }
  const given = readEvidence(options, logKey);
  const evidence = [
    ...held.checkpoints.map((one) => evidenceOf(one.text, one.cosigned_by, logKey, one.told_size)),
    ...given,
  ];
  requireFew(evidence.length);
  requireSomebodysWord(evidence, options);
  // it lags behind what was signed last, so that it can only contradict
  const mark = readLogMark(home.keys, logKey);
  const known = mark === undefined ? evidence : [...evidence, evidenceOf(mark.text, null, logKey)];
  const files = options.entries ?? [];
  const brought =
    held.brought + (files.length === 0 ? 0 : await bringUpTo(storage, known, files, onProgress));
  for (const one of known) await requireContinued(authority, one);
  const restored = await writeRestored(acting, held, {
    brought,
    evidence,
    reason: options.reason ?? null,
  });
  // comes last: broken off before, the same command finds the entry and goes on from there
  endHeld(home);
  return restored;
}

/** @throws log_held, usage */
function requireSomebodysWord(evidence: readonly Evidence[], { nothingLater, reason }: ReleaseOptions): void {
  if (nothingLater && reason === undefined) {
    throw new ImprintError('usage', '--nothing-later needs a reason: it stands in the log under your name', {
      hint: 'Say with --reason why no checkpoint can have been signed after the backup.',
    });
  }
  if (evidence.length > 0 || nothingLater) return;
  throw new ImprintError('log_held', 'nothing is known of what was signed after the backup was made', {
    hint: 'Give the newest checkpoint that each station, witness or receipt holds (--checkpoint). If there is nobody who could hold one: --nothing-later --reason "…".',
  });
}

/** @throws log_inconsistent */
async function requireContinued({ storage }: OpenHome, evidence: Evidence): Promise<void> {
  const { reader } = storage;
  const { size } = await reader.selectFrom('log_head').select('size').executeTakeFirstOrThrow();
  if (await continues(reader, evidence)) {
    if (evidence.toldSize <= size) return;
    throw new ImprintError(
      'log_inconsistent',
      `a station was shown ${evidence.toldSize} entries by a receipt, and this log has ${size}`,
      {
        hint: 'Give the newest receipts of that station (--checkpoint), and the entries up to them (--entries).',
        context: { told: evidence.toldSize, size },
      },
    );
  }
  if (evidence.size > size) throw lostEntries(size, evidence);
  throw new ImprintError(
    'log_inconsistent',
    `a checkpoint of ${evidence.size} entries was signed with the root ${toHex(evidence.root)}, and this log of ${size} does not continue it: it is another history`,
    {
      hint: 'Nothing is released. Keep the checkpoint and the backup as they are: one of the two shows that the log was forked. Look for a backup that continues the checkpoint.',
      context: { signed: evidence.size, size },
    },
  );
}

/** Once: an entry that stands there from a run that was broken off is answered again. */
async function writeRestored(
  { ledger, person }: Acting,
  held: Held,
  { brought, evidence, reason }: { brought: number; evidence: readonly Evidence[]; reason: string | null },
): Promise<Released> {
  return ledger.submit<Released>(async ({ tx }) => {
    const { size, root } = await tx.selectFrom('log_head').select(['size', 'root']).executeTakeFirstOrThrow();
    const last = await tx
      .selectFrom('log_entry')
      .select('packed')
      .where('log_index', '=', size - 1)
      .executeTakeFirstOrThrow();
    const entry = decodeEntry(unpackEntry(last.packed));
    if (
      entry.type === 'log.restored' &&
      entry.data.backup_at === held.backup_at &&
      entry.data.size === size - 1
    ) {
      const { data } = entry;
      return { entries: [], reply: () => data };
    }
    const data: Released = {
      size,
      root: toHex(root),
      backup_at: held.backup_at,
      brought,
      reason,
      evidence: evidence.map((one) => ({
        size: one.size,
        root: toHex(one.root),
        cosigned_by: one.cosignedBy,
      })),
    };
    return { entries: [{ type: 'log.restored', actor: person, data }], reply: () => data };
  });
}
