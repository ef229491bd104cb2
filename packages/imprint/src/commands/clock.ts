/** `imprint clock show|accept`: what the authority thinks of its clock, and the word of a person that it is right again. */
import { acceptClock } from '@imprint/authority/clock/clock-guard';
import type { Command } from 'commander';
import { actAs, addIdentityOptions } from '../act-as.ts';
import { withAuthority } from '../with-authority.ts';

interface ClockOptions {
  home: string;
  json?: boolean;
}

/** Adds the command `clock`. */
export function addClockCommands(program: Command): void {
  const clock = program
    .command('clock')
    .description("the authority's clock, which halts issuing where it is wrong");
  clock
    .command('show')
    .description('compare the clock now, and say whether issuing is halted')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint clock show --home ./authority')
    .action((options: ClockOptions) =>
      withAuthority(options, async ({ ledger, clockGuard, configuration, clock: now }) => {
        const seen = await clockGuard.observe();
        const halt = await ledger.reader.selectFrom('clock_halt').selectAll().executeTakeFirst();
        const source = configuration.clock_source ?? null;
        if (options.json) {
          process.stdout.write(
            `${JSON.stringify({ now: now().toISOString(), source, ...seen, halted_at: halt?.halted_at ?? null })}\n`,
          );
          return;
        }
        process.stdout.write(
          [
            `It is ${now().toISOString()} here; compared with ${source ?? 'no source (imprint.json: clock_source)'}: ${seen.verdict === 'right' ? 'right' : seen.detail}.`,
            halt ? `Issuing is halted since ${halt.halted_at}: ${halt.detail}.` : 'Issuing is not halted.',
            '',
          ].join('\n'),
        );
      }),
    );
  addIdentityOptions(clock.command('accept'))
    .description('let issuing go on after the clock was set right')
    .requiredOption('--home <dir>', "the authority's folder")
    .requiredOption('--reason <text>', 'what was done; it stands in the log')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint clock accept --home ./authority --reason "battery of the server replaced, time set"',
    )
    .action((options: ClockOptions & { reason: string }) =>
      actAs(options, 'clock.accept', async (_, { ledger, person }) => {
        await acceptClock(ledger, person, options.reason);
        process.stdout.write(options.json ? '{"halted":false}\n' : 'Issuing goes on.\n');
      }),
    );
}
