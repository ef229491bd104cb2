/**
 * Many certificates revoked by one act, by device or by serial: each line with an outcome of its own, to be begun anew after any
 * interruption. It cannot be taken back, so people say how many lines they expect, and a second person agrees to exactly this list (I-18).
 */
import type {
  ListedCredential,
  PersonsRevocationReason,
  RevocationOutcome,
} from '@imprint/contract/api/credentials';
import { type Actor, serialHex } from '@imprint/contract/audit/entry';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { revocationDrafts } from '../jobs/revoke-credential.ts';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';
import type { Approved, ApprovedAct } from './approved.ts';
import { deviceColumn } from './device-list-file.ts';
import { eachOfList, listMark, requireAsCounted } from './each-of-list.ts';
import { type NamingColumn, parseListFile } from './list-file.ts';

export interface RevokeListRequest {
  by: Actor;
  reason: PersonsRevocationReason;
  credentials: readonly ListedCredential[];
  /** How many lines people expect; null where nobody said. */
  count: number | null;
  dryRun: boolean;
}

export interface RevokeListOutcome {
  revoked: number;
  before: number;
  refused: number;
  /** That this revokes, or would. */
  certificates: number;
  outcomes: RevocationOutcome[];
}

/**
 * Revokes every line of the list, or says what would come of it. `onOutcomes` is called after each tick with what is durable.
 * @throws bad_request (a line twice, too many, several without a count), count_wrong, approval_required, approval_invalid: nothing was
 * changed then; storage_failed, clock_untrusted, unavailable: what was told of is revoked, the list is sent again
 */
export async function revokeList(
  ledger: Ledger,
  approved: Approved,
  request: RevokeListRequest,
  onOutcomes: (outcomes: readonly RevocationOutcome[]) => void = () => {},
): Promise<RevokeListOutcome> {
  const { by, credentials, reason, dryRun } = request;
  const { count, sha256 } = listMark(credentials.map(lineOf));
  requireExpected(request, count);
  const act: ApprovedAct = {
    act: 'credential.revoke-bulk',
    parameters: { credentials_sha256: sha256, count, reason },
  };
  // asked in every decision of the list, so that it ends with its approval
  const secondPerson = async (reading: Reading): Promise<Draft[]> =>
    count === 1 || dryRun ? [] : approved(reading, by, act);
  await ledger.submit(async (reading) => ({ entries: await secondPerson(reading), reply: () => undefined }));
  const result: RevokeListOutcome = { revoked: 0, before: 0, refused: 0, certificates: 0, outcomes: [] };
  const revokeOne = async (line: ListedCredential): Promise<RevocationOutcome & { ended: number }> => {
    const named = { device_id: null, serial: null, ...line };
    try {
      return await ledger.submit(async (reading) => {
        const agreed = await secondPerson(reading);
        const { entries, serials } = await revocationDrafts(reading, by, whichOf(line), reason);
        const outcome = entries.length === 0 ? ('before' as const) : ('revoked' as const);
        const reply = {
          ...named,
          outcome,
          serials,
          code: null,
          message: null,
          hint: null,
          ended: entries.length,
        };
        return { entries: dryRun || entries.length === 0 ? [] : [...agreed, ...entries], reply: () => reply };
      });
    } catch (error) {
      // what stands against one line; everything else stands against the whole list
      if (!isImprintError(error, 'bad_request')) throw error;
      const { code, message, hint = null } = error;
      return { ...named, outcome: 'refused', serials: [], code, message, hint, ended: 0 };
    }
  };
  const outcomes = await eachOfList(credentials, revokeOne, (some) => {
    for (const { outcome, ended } of some) {
      result[outcome]++;
      result.certificates += ended;
    }
    onOutcomes(some);
  });
  result.outcomes = outcomes.map(({ ended: _, ...outcome }) => outcome);
  return result;
}

/**
 * A file of what to revoke: CSV with a column `serial` or `device_id`, or one device ID a line.
 * @throws file_invalid: `file:line:column: message`, all of it in `context.findings`; request_too_large
 */
export function parseRevocationList(text: string, fileName: string): ListedCredential[] {
  return parseListFile(text, fileName, [serialColumn, deviceColumn]).map(({ column, value }) =>
    column === 'serial' ? { serial: value } : { device_id: value },
  );
}

const serialColumn: NamingColumn<'serial'> = {
  name: 'serial',
  noun: 'serial in lower-case hex',
  isOne: (text) => serialHex.safeParse(text).success,
};

function lineOf(line: ListedCredential): string {
  return 'serial' in line ? `serial ${line.serial}` : `device ${line.device_id}`;
}

function whichOf(line: ListedCredential) {
  return 'serial' in line ? line : { deviceId: line.device_id };
}

/** @throws bad_request, count_wrong */
function requireExpected({ count, dryRun }: RevokeListRequest, listed: number): void {
  requireAsCounted(count, listed);
  if (count !== null || listed === 1 || dryRun) return;
  throw new ImprintError('bad_request', 'nobody has said how many lines the list is expected to have', {
    hint: 'Look at a dry run first, and give the number: a revocation cannot be taken back.',
  });
}
