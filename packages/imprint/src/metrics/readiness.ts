/** Whether an authority can issue right now, and what hinders it where it cannot. */
import { type ErrorCode, isImprintError } from '@imprint/contract/errors';
import type { OpenAuthority } from '../open-authority.ts';

export interface Readiness {
  /** What a station would be refused with; none where it can issue. */
  hinders: ErrorCode[];
}

/** Reads the database, so that one that is away shows; writes nothing. */
export async function readiness(authority: OpenAuthority): Promise<Readiness> {
  const { refusal, ledger, clock, clockGuard } = authority;
  const hinders: ErrorCode[] = [];
  if (refusal !== undefined) hinders.push(refusal.code);
  else if (!ledger.writable) hinders.push('storage_failed');
  try {
    clockGuard.requireSteady(clock());
    const halted = await ledger.reader.selectFrom('clock_halt').select('log_index').executeTakeFirst();
    if (halted !== undefined) hinders.push('clock_untrusted');
  } catch (error) {
    hinders.push(isImprintError(error) ? error.code : 'storage_failed');
  }
  // of a log that is not written on the keys stay shut
  const keys = refusal === undefined ? await keysHinder(authority) : undefined;
  if (keys !== undefined) hinders.push(keys);
  return { hinders: [...new Set(hinders)] };
}

/** Why some CA that certifies cannot sign now, such as a token that is away; undefined where all can. */
export async function keysHinder({ ledger, unlock }: OpenAuthority): Promise<ErrorCode | undefined> {
  try {
    const { line } = await unlock();
    await line.issuers.requireReady(ledger.reader);
    return undefined;
  } catch (error) {
    return isImprintError(error) ? error.code : 'storage_failed';
  }
}
