/** `imprint configuration`: what devices in the field are configured with, in versions, offered to some or all, and taken back. */
import { publishConfiguration } from '@imprint/authority/configuration/publish';
import { rollBackConfiguration, widenConfiguration } from '@imprint/authority/configuration/roll-out';
import { contractsOf, type SetName } from '@imprint/authority/configuration/set';
import { parseSecretFile, parseValueFile, valuesOfTexts } from '@imprint/authority/configuration/value-file';
import { listConfigurations, showDeviceConfiguration, showSet } from '@imprint/authority/configuration/views';
import { readSecretFile } from '@imprint/authority/trust/secret-file';
import { type ConfigurationScope, configurationScope } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { type Command, Option } from 'commander';
import { type ActingOptions, actAs, addHomeOptions, addIdentityOptions } from '../act-as.ts';
import { configurationOf } from '../configuration-of.ts';
import { collect, wholeNumber } from '../parse-option.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { say } from '../say.ts';
import { withAuthority } from '../with-authority.ts';
import { deviceLines, listLines, setLines, shareText } from './configuration-report.ts';

type ScopeOptions = ActingOptions & { [S in ConfigurationScope]?: string };

interface PublishOptions extends ScopeOptions {
  set: string[];
  values?: string;
  secrets?: string;
  remove: string[];
  share: string[];
  stepHours?: string;
  stopAfter: string;
  reason: string;
}

/** Adds `configuration publish|roll-out|roll-back|show|list`. */
export function addConfigurationCommands(program: Command): void {
  const configuration = program
    .command('configuration')
    .description('what devices in the field are configured with');

  addScopeOptions(addIdentityOptions(addHomeOptions(configuration.command('publish'))))
    .description('publish a new version: what is not named stays as it is')
    .option('--set <name=value>', 'an open value; may be repeated', collect, [])
    .option('--values <file>', 'open values, lines of name: value (YAML)')
    .option('--secrets <file>', 'secret values in the same form, mode 0600; never on the command line')
    .option('--remove <name>', 'a name that the set says nothing of any more; may be repeated', collect, [])
    .option('--share <percent...>', 'to how many devices at first, and then; 100 where it is left out', [])
    .option('--step-hours <n>', 'after how long the next share is reached by itself')
    .option('--stop-after <n>', 'stop when more devices than this fail to apply it', '3')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint configuration publish --home ./authority --product gateway --set report_minutes=15 --share 5 25 100 --step-hours 24 --reason "less traffic"\n  imprint configuration publish --home ./authority --group acme --set "wifi_ssid=Hall 3" --secrets acme.secrets --reason "network of Acme"',
    )
    .action(publish);

  addScopeOptions(addIdentityOptions(addHomeOptions(configuration.command('roll-out'))))
    .description('offer the version under way to more devices')
    .requiredOption('--share <percent>', 'to how many from now on')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint configuration roll-out --home ./authority --product gateway --share 50 --reason "a quiet day"',
    )
    .action((options: ScopeOptions & { share: string; reason: string }) =>
      actAs(options, 'configuration.manage', async (_, { ledger, person }) => {
        const share = wholeNumber('--share', options.share, 1, 100);
        const done = await widenConfiguration({ ledger }, person, nameOf(options), share, options.reason);
        say(options, done, [
          `Version ${done.version} of the ${done.scope} ${done.subject} is offered to ${shareText(share)}.`,
        ]);
      }),
    );

  addScopeOptions(addIdentityOptions(addHomeOptions(configuration.command('roll-back'))))
    .description('take the version in force back: devices get the last good one')
    .option('--to <version>', 'an older version than the last good one')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint configuration roll-back --home ./authority --product gateway --reason "units lose their network"',
    )
    .action((options: ScopeOptions & { to?: string; reason: string }) =>
      actAs(options, 'configuration.manage', async (_, { ledger, person }) => {
        const to = options.to === undefined ? undefined : wholeNumber('--to', options.to, 1, 1_000_000_000);
        const done = await rollBackConfiguration({ ledger }, person, nameOf(options), to, options.reason);
        say(options, done, [
          done.to === null
            ? `Version ${done.from} of the ${done.scope} ${done.subject} was taken back; no version is left.`
            : `Version ${done.from} of the ${done.scope} ${done.subject} was taken back; all its devices get version ${done.to}.`,
        ]);
      }),
    );

  addScopeOptions(addHomeOptions(configuration.command('show')))
    .description('show the versions of a set, or with --device what a device gets; no secret is shown')
    .option('--own', 'with --device: the versions of the set that is for it alone')
    .addHelpText(
      'after',
      '\nExample:\n  imprint configuration show --home ./authority --product gateway\n  imprint configuration show --home ./authority --device GW-M126000041S --json',
    )
    .action((options: ScopeOptions & { own?: boolean }) =>
      withAuthority(options, async ({ ledger: { reader }, contracts, clock }) => {
        const name = nameOf(options);
        const at = clock().toISOString();
        if (name.scope === 'device' && options.own !== true) {
          const view = await showDeviceConfiguration(reader, contracts, name.subject, at);
          say(options, view, deviceLines(view));
        } else {
          const report = await showSet(reader, name, at);
          say(options, report, setLines(report));
        }
      }),
    );

  addHomeOptions(configuration.command('list'))
    .description('list all sets, and which version of each is in force')
    .addOption(
      new Option('--scope <scope>', 'only those of this scope').choices([...configurationScope.options]),
    )
    .addHelpText('after', '\nExample:\n  imprint configuration list --home ./authority --scope group')
    .action((options: ActingOptions & { scope?: ConfigurationScope }) =>
      withAuthority(options, async ({ ledger, clock }) => {
        const sets = await listConfigurations(ledger.reader, clock().toISOString(), options.scope);
        say(options, { sets }, listLines(sets));
      }),
    );
}

function publish(options: PublishOptions): Promise<void> {
  return actAs(options, 'configuration.manage', async (authority, { ledger, person }) => {
    const name = nameOf(options);
    const contracts = await contractsOf(ledger.reader, authority.contracts, name);
    const set = valuesOfTexts(contracts, options.set);
    const filed = options.values === undefined ? {} : valuesOf(options.values);
    const twice = Object.keys(set).find((one) => Object.hasOwn(filed, one));
    if (twice !== undefined) {
      throw new ImprintError('usage', `${twice} is set twice`, { hint: 'Give it by --set or in the file.' });
    }
    const steps = options.share.map((share) => wholeNumber('--share', share, 1, 100));
    const hours = options.stepHours;
    const done = await publishConfiguration(configurationOf(authority, ledger), person, {
      ...name,
      values: { ...filed, ...set },
      secrets: options.secrets === undefined ? {} : await secretsOf(options.secrets),
      remove: options.remove,
      steps: steps.length === 0 ? [100] : steps,
      stepMinutes:
        hours === undefined
          ? null
          : wholeNumber('--step-hours', hours, 1, limits.configurationStepMinutes / 60) * 60,
      stopAfter: wholeNumber('--stop-after', options.stopAfter, 0, limits.configurationStopAfter),
      reason: options.reason,
    });
    say(options, done, [
      `Version ${done.version} of the ${done.scope} ${done.subject} is offered to ${shareText(done.share)}: ${done.changed.join(', ')}.`,
      `It stops by itself when more than ${options.stopAfter} of them fail to apply it.`,
    ]);
  });
}

function valuesOf(file: string) {
  return parseValueFile(readBoundedFile(file, limits.configurationBytes), file);
}

async function secretsOf(file: string) {
  const bytes = await readSecretFile(file, 0o077, {
    name: 'secrets',
    wrong: 'configuration_invalid',
    maxBytes: limits.configurationBytes,
  });
  try {
    return parseSecretFile(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), file);
  } catch (error) {
    if (error instanceof ImprintError) throw error;
    // the decoder's own error could say what it met
    throw new ImprintError('configuration_invalid', `${file} is not UTF-8 text`, {
      hint: 'Save it as UTF-8 without BOM.',
    });
  } finally {
    bytes.fill(0);
  }
}

function addScopeOptions(command: Command): Command {
  return command
    .option('--product <product>', 'for all devices of a product')
    .option('--order <order>', 'for the devices of a production order')
    .option('--group <group>', 'for the devices of a group')
    .option('--device <device>', 'for one device');
}

/** @throws usage where not exactly one is named */
function nameOf(options: ScopeOptions): SetName {
  const named = configurationScope.options.flatMap((scope) => {
    const subject = options[scope];
    return subject === undefined ? [] : [{ scope, subject }];
  });
  if (named.length === 1) return named[0]!;
  throw new ImprintError('usage', 'name one product, order, group or device', {
    hint: 'Give one of --product, --order, --group and --device.',
  });
}
