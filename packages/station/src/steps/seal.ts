/**
 * Seal: the steps that nobody can undo, after the identity was read back and proven and never before (I-25). Each is read
 * before and after, journalled before it is done, and done only where the unit shows that it was not.
 */
import type { StatusReply } from '@imprint/contract/dut/message';
import { ImprintError } from '@imprint/contract/errors';
import { allowedLocks, flagsToBurn, wantedLock } from '../contract-facts.ts';
import type { IrreversibleAct } from '../journal.ts';
import { LineFailure } from '../line-failure.ts';
import type { Work } from '../visit.ts';
import { closeReopened } from './reopen.ts';

const fuseWorkMs = 10_000;

type SealState = Pick<StatusReply, 'debug_lock' | 'boot_flags'>;

export async function seal(work: Work): Promise<void> {
  const { visit, contract, job } = work;
  if (!isProven(work)) throw new ImprintError('internal', 'a unit is never sealed before it was proven');
  await closeReopened(work);
  let state: SealState = sealState(await visit.dut.call('status', {}));
  work.seal.before ??= state;
  refuseSurplus(work, state);

  const missing = flagsToBurn(contract).filter((flag) => state.boot_flags[flag] !== true);
  if (missing.length > 0) {
    const boot_flags = Object.fromEntries(missing.map((flag) => [flag, true]));
    const burn = () => visit.dut.call('write_boot_flags', { boot_flags }, { workMs: fuseWorkMs });
    state = await act(work, 'write_boot_flags', missing.join(','), burn, (after) =>
      missing.every((flag) => after.boot_flags[flag] === true),
    );
  }
  const lock = wantedLock(contract);
  if (!allowedLocks(contract, job).includes(state.debug_lock)) {
    const permanent = lock === 'locked-permanently';
    const close = () => visit.dut.call('finalize', { lock_debug: true, permanent }, { workMs: fuseWorkMs });
    await act(work, 'finalize', lock, close, (after) => after.debug_lock === lock);
  }
}

/** One irreversible act: journalled, done once, read again. */
async function act(
  work: Work,
  name: IrreversibleAct,
  detail: string,
  run: () => Promise<unknown>,
  holds: (after: SealState) => boolean,
): Promise<SealState> {
  const { visit, unit, job } = work;
  const id = visit.journal.recordIntendedAct(unit.uid, job.job_id, name, detail);
  if (!work.seal.acts.includes(name)) work.seal.acts.push(name);
  await run();
  const after = sealState(await visit.dut.call('status', {}));
  if (!holds(after))
    throw new LineFailure('seal_failed', `${name} (${detail}) was done and does not show on the unit`);
  visit.journal.recordSeenAct(id);
  return after;
}

/** A fuse that is burnt and should not be, or a lock that is harder than the contract's, cannot be mended. */
function refuseSurplus({ contract }: Work, state: SealState): void {
  const wanted = new Set(flagsToBurn(contract));
  const surplus = Object.keys(state.boot_flags).filter((flag) => state.boot_flags[flag] && !wanted.has(flag));
  if (surplus.length > 0)
    throw new LineFailure(
      'seal_failed',
      `boot flag ${surplus.join(', ')} is burnt, which the contract does not want`,
    );
  const lock = wantedLock(contract);
  // power may be cut between the two fuses of a permanent lock: the second is burnt then
  const isHalfWay = lock === 'locked-permanently' && state.debug_lock === 'locked';
  if (state.debug_lock !== 'open' && state.debug_lock !== lock && !isHalfWay) {
    throw new LineFailure(
      'debug_lock_wrong',
      `the debug port is ${state.debug_lock}; the contract wants it ${lock}`,
    );
  }
}

function isProven({ proven, job, readBack }: Work): boolean {
  return readBack !== null && (proven || job.state === 'sealed');
}

export function sealState({ debug_lock, boot_flags }: SealState): SealState {
  return { debug_lock, boot_flags };
}
