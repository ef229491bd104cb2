/** `imprint credential revoke-bulk`: revokes many certificates by a file of devices or serials, counted and by two people. */
import { approvedInLog } from '@imprint/authority/lifecycle/approved';
import {
  parseRevocationList,
  type RevokeListOutcome,
  revokeList,
} from '@imprint/authority/lifecycle/revoke-list';
import { tightestVisibility } from '@imprint/authority/revocation/visibility';
import { type PersonsRevocationReason, revocationReason } from '@imprint/contract/api/credentials';
import { limits } from '@imprint/contract/limits';
import { type Command, Option } from 'commander';
import { type ActingOptions, actAs, addApprovalOptions, addHomeOptions } from '../act-as.ts';
import { wholeNumber } from '../parse-option.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { ExitCode } from '../run-program.ts';
import { say, table } from '../say.ts';
import { countProgress, requireNew, writeOutcomes } from './device-lifecycle-report.ts';

interface BulkOptions extends ActingOptions {
  csv: string;
  reason: PersonsRevocationReason;
  expectCount?: string;
  dryRun?: boolean;
  out?: string;
}

const outcomeColumns = ['device_id', 'serial', 'outcome', 'serials', 'code', 'message', 'hint'] as const;

/** Adds `revoke-bulk` to `credential`. */
export function addRevokeBulkCommand(credential: Command): void {
  addApprovalOptions(addHomeOptions(credential.command('revoke-bulk')))
    .description('revoke many by a file of devices or serials; for ever')
    .requiredOption('--csv <file>', 'CSV with a column serial or device_id, or one device ID a line')
    .addOption(
      new Option('--reason <reason>', 'why; it stands in the log')
        .choices(revocationReason.options)
        .makeOptionMandatory(),
    )
    .option('--expect-count <n>', 'how many lines it is to have: refused where it has more or fewer')
    .option('--dry-run', 'say line by line what would come of it, and change nothing')
    .option('--out <file>', 'write what came of each line to a new CSV file')
    .addHelpText(
      'after',
      '\nExample:\n  imprint credential revoke-bulk --csv leaked.csv --expect-count 240 --reason key-compromise --home ./authority --dry-run',
    )
    .action(revokeBulk);
}

function revokeBulk(options: BulkOptions): Promise<void> {
  return actAs(options, 'credential.revoke', async ({ contracts, clock }, { ledger, person }) => {
    const { csv, reason, expectCount, out } = options;
    const count =
      expectCount === undefined
        ? null
        : wholeNumber('--expect-count', expectCount, 1, limits.transitionsPerList);
    const credentials = parseRevocationList(readBoundedFile(csv, limits.transitionListBytes), csv);
    const dryRun = options.dryRun === true;
    if (out !== undefined) requireNew(out);
    const progress = countProgress(credentials.length, options, 'lines');
    const request = { by: person, reason, credentials, count, dryRun };
    const outcome = await revokeList(ledger, approvedInLog, request, progress.add);
    progress.end();
    if (out !== undefined) {
      const rows = outcome.outcomes.map((row) => ({ ...row, serials: row.serials.join(' ') }));
      writeOutcomes(out, outcomeColumns, rows);
    }
    const { boundMs } = await tightestVisibility(ledger.reader, contracts);
    const visible_by = new Date(clock().getTime() + boundMs).toISOString();
    say(options, { dry_run: dryRun, visible_by, ...outcome }, outcomeLines(outcome, dryRun, visible_by));
    if (outcome.refused > 0) throw new ExitCode(1);
  });
}

const wouldBe = { revoked: 'would be revoked', before: 'is revoked already', refused: 'refused' } as const;

/** A dry run shows every line; what was done shows those that were refused, and the sums. */
function outcomeLines(result: RevokeListOutcome, dryRun: boolean, visibleBy: string): string[] {
  const { revoked, before, refused, certificates } = result;
  const shown = dryRun ? result.outcomes : result.outcomes.filter(({ outcome }) => outcome === 'refused');
  const rows = shown.map((row) => [
    row.device_id ?? row.serial,
    dryRun ? wouldBe[row.outcome] : row.outcome,
    row.serials.join(' ') || null,
    row.message === null ? null : `${row.code}: ${row.message}`,
  ]);
  const lines = (count: number) => `${count} ${count === 1 ? 'line' : 'lines'}`;
  const ended = `${certificates} ${certificates === 1 ? 'certificate' : 'certificates'}`;
  return [
    ...(rows.length === 0 ? [] : [...table([['LINE', 'OUTCOME', 'SERIALS', 'WHY NOT'], ...rows]), '']),
    dryRun
      ? `Nothing was changed: ${ended} of ${lines(revoked)} would be revoked, ${before} are already, ${refused} would be refused.`
      : `${ended} of ${lines(revoked)} revoked, ${before} were before, ${refused} refused.`,
    ...(dryRun
      ? [`The whole list: --expect-count ${result.outcomes.length}`]
      : [`CRL and OCSP say so within seconds while imprint serve runs; everybody knows by ${visibleBy}.`]),
    ...(refused > 0 && !dryRun ? ['Mend what was refused and give the same command again.'] : []),
  ];
}
