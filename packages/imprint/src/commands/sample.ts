/** `imprint sample register|list`: the units that stations are checked with. */
import { listSamples, registerSample, type SampleKind } from '@imprint/authority/registry/samples';
import { ImprintError } from '@imprint/contract/errors';
import { type Command, Option } from 'commander';
import { actAs, addIdentityOptions } from '../act-as.ts';
import { withAuthority } from '../with-authority.ts';

interface SampleOptions {
  home: string;
  json?: boolean;
}

/** Adds the command `sample`. */
export function addSampleCommands(program: Command): void {
  const sample = program
    .command('sample')
    .description('golden and must-fail samples that stations are checked with');
  addIdentityOptions(sample.command('register'))
    .description('make a finished unit a sample; from then on every station has to check it in time')
    .argument('<device>', 'device ID of the unit')
    .requiredOption('--home <dir>', "the authority's folder")
    .addOption(
      new Option('--kind <kind>', 'what must come of a check')
        .choices(['golden', 'must-fail'])
        .makeOptionMandatory(),
    )
    .option('--every <minutes>', 'how long a check is good for', '480')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint sample register GW-M126000001K --home ./authority --kind golden --every 480',
    )
    .action((deviceId: string, options: SampleOptions & { kind: SampleKind; every: string }) =>
      actAs(options, 'sample.manage', async (_, { ledger, person }) => {
        const minutes = Number(options.every);
        if (!Number.isInteger(minutes) || minutes < 1 || minutes > 100_000) {
          throw new ImprintError('usage', `--every ${options.every} is no number of minutes`);
        }
        const registered = { device_id: deviceId, kind: options.kind, check_every_minutes: minutes };
        await registerSample(ledger, person, registered);
        process.stdout.write(
          options.json
            ? `${JSON.stringify(registered)}\n`
            : `${deviceId} is a ${options.kind} sample, due every ${minutes} minutes.\n`,
        );
      }),
    );
  sample
    .command('list')
    .description('list the samples')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint sample list --home ./authority')
    .action((options: SampleOptions) =>
      withAuthority(options, async ({ ledger }) => {
        const samples = await listSamples(ledger.reader);
        const lines = samples.map(
          (row) => `${row.device_id}  ${row.kind}  every ${row.check_every_minutes} minutes`,
        );
        process.stdout.write(
          options.json
            ? `${JSON.stringify({ samples })}\n`
            : `${lines.join('\n') || 'No sample is registered.'}\n`,
        );
      }),
    );
}
