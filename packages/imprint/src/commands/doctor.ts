/** `imprint doctor`: what ends soon, what is open to others, what is old or full, and what to do about it. */
import { styleText } from 'node:util';
import { ImprintError } from '@imprint/contract/errors';
import type { Command } from 'commander';
import { markAlarmsSeen } from '../doctor/authority/alarms.ts';
import type { Checked, Verdict } from '../doctor/check.ts';
import { examineAuthority, examineStation } from '../doctor/run-doctor.ts';
import { ExitCode } from '../run-program.ts';
import { plain, say } from '../say.ts';
import { withAuthority } from '../with-authority.ts';

interface DoctorOptions {
  home?: string;
  station?: string;
  alarmsSeen?: boolean;
  passphraseFile?: string;
  pinFile?: string;
  json?: boolean;
}

/** Adds the command `doctor`. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description(
      'look at an authority or a station: what ends soon, what is open, old or full, and what to do',
    )
    .option('--home <dir>', "an authority's folder")
    .option('--station <dir>', "a station's folder")
    .option(
      '--passphrase-file <file>',
      'with --home: passphrase of the keys, mode 0600; it looks at them too',
    )
    .option('--pin-file <file>', 'with --home: PIN of the token that holds a key, mode 0600')
    .option('--alarms-seen', 'with --home: say that somebody has looked at every alarm there is')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Run it as the user to whom the folder belongs. It ends with 1 where a check fails; warnings alone end with 0.
It asks for no passphrase and no PIN: without them it does not look at the keys. A PIN is given to a token once, and never after a wrong one.

Examples:
  imprint doctor --home ./authority
  imprint doctor --station ./station --json`,
    )
    .action(doctor);
}

async function doctor(options: DoctorOptions): Promise<void> {
  const { home, station } = options;
  if ((home === undefined) === (station === undefined)) {
    throw new ImprintError('usage', 'the doctor looks at one folder at a time', {
      hint: 'Give --home DIR for an authority, or --station DIR for a station.',
    });
  }
  if (options.alarmsSeen) return sayAlarmsSeen(options);
  const checks = home === undefined ? await examineStation(station!) : await examineAuthority(home, options);
  const failed = checks.filter(({ verdict }) => verdict === 'fail').length;
  say(options, { ok: failed === 0, checks }, [...lines(checks), '', summary(checks)]);
  if (failed > 0) throw new ExitCode(1);
}

async function sayAlarmsSeen(options: DoctorOptions): Promise<void> {
  const { home } = options;
  if (home === undefined) {
    throw new ImprintError('usage', '--alarms-seen is of an authority', { hint: 'Give --home DIR.' });
  }
  await withAuthority({ home }, markAlarmsSeen);
  say(options, { alarms_seen: true }, ['Every alarm up to now is taken for looked at.']);
}

const colours = { ok: 'green', warn: 'yellow', fail: 'red', unknown: 'cyan' } as const;

function lines(checks: readonly Checked[]): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.flatMap(({ name, verdict, detail, advice }) => {
    const head = `${styleText(colours[verdict], verdict.padEnd(7))} ${name.padEnd(width)}  ${plain(detail)}`;
    return advice === null ? [head] : [head, `${' '.repeat(8 + width)}  ${plain(advice)}`];
  });
}

function summary(checks: readonly Checked[]): string {
  const count = (verdict: Verdict) => checks.filter((one) => one.verdict === verdict).length;
  const [failed, warned, unsure] = [count('fail'), count('warn'), count('unknown')];
  if (failed + warned + unsure === 0) return 'All is well.';
  return `${checks.length} checks: ${failed} failed, ${warned} warnings, ${unsure} could not be found out.`;
}
