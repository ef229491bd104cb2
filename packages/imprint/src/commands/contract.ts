/** `imprint contract`: checks provisioning contracts and job manifests, and renders a contract as page and as C header. */

import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { type Finding, findingText } from '@imprint/contract/finding';
import { lintManifest, parseJobManifest, planSteps } from '@imprint/contract/job-manifest';
import { limits } from '@imprint/contract/limits';
import {
  type HeaderPins,
  type ParsedContract,
  parseProvisioningContract,
  renderCHeader,
  renderContract,
} from '@imprint/contract/provisioning-contract';
import { branchOfCa } from '@imprint/contract/x509/ca-branch';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { fromPem } from '@imprint/contract/x509/pem';
import { type Realm, realmPolicyOid, realms } from '@imprint/contract/x509/realm';
import { type Command, Option } from 'commander';
import { readBoundedFile } from '../read-bounded-file.ts';
import { ExitCode } from '../run-program.ts';

interface CommonOptions {
  json?: boolean;
}

interface OutputOptions extends CommonOptions {
  out?: string;
}

interface HeaderOptions extends OutputOptions {
  realm: Realm;
  root?: string;
  rootSha256?: string;
}

interface LintOptions extends CommonOptions {
  contract?: string;
  strict?: boolean;
}

/** Adds `contract check|render|header|lint-manifest`. */
export function addContractCommands(program: Command): void {
  const contract =
    program.commands.find((command) => command.name() === 'contract') ?? program.command('contract');
  contract.description('check and render provisioning contracts and job manifests');

  contract
    .command('check')
    .description('say all that is wrong with a provisioning contract, and what is unwise')
    .argument('<file>', 'the contract, YAML')
    .option('--strict', 'take warnings for errors')
    .option('--json', 'print one JSON object')
    .addHelpText('after', example('imprint contract check examples/contracts/gateway.yaml'))
    .action(check);

  contract
    .command('render')
    .description('make the one-page document (Markdown) of a contract')
    .argument('<file>', 'the contract, YAML')
    .option('--out <file>', 'write it there instead of to standard output')
    .option('--json', 'print one JSON object')
    .addHelpText('after', example('imprint contract render examples/contracts/gateway.yaml --out gateway.md'))
    .action(render);

  contract
    .command('header')
    .description('make the C header of a contract: storage map, versions, realm and root pin')
    .argument('<file>', 'the contract, YAML')
    .addOption(
      new Option('--realm <realm>', 'the realm that the firmware is built for')
        .choices([...realms])
        .makeOptionMandatory(),
    )
    .addOption(new Option('--root <file>', "the realm's root certificate, PEM").conflicts('rootSha256'))
    .option('--root-sha256 <hex>', "SHA-256 of the realm's root certificate, DER")
    .option('--out <file>', 'write it there instead of to standard output')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      example(
        'imprint contract header examples/contracts/gateway.yaml --realm dev --root root.pem --out contract.h',
      ),
    )
    .action(header);

  contract
    .command('lint-manifest')
    .description('say all that is wrong with a job manifest, and in which order its steps are done')
    .argument('<file>', 'the manifest, YAML')
    .option('--contract <file>', 'the contract that it must agree with')
    .option('--strict', 'take warnings for errors')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      example(
        'imprint contract lint-manifest examples/manifests/article.yaml\n' +
          '  imprint contract lint-manifest job.yaml --contract examples/contracts/gateway.yaml',
      ),
    )
    .action(lint);
}

function check(file: string, options: LintOptions): void {
  const parsed = orReport(file, options, () => parseContractFile(file));
  const { contract, sha256 } = parsed;
  const warnings = [...parsed.ifNew, ...parsed.warnings];
  report(file, { errors: [], warnings }, options, {
    summary: `${file}: ${contract.product} ${contract.revision} is in order, ${counted(warnings)}\nSHA-256 ${sha256}`,
    facts: { product: contract.product, revision: contract.revision, sha256 },
  });
}

function render(file: string, options: OutputOptions): void {
  const parsed = orReport(file, options, () => parseContractFile(file));
  const markdown = renderContract(parsed.contract, parsed.sha256);
  deliver(file, parsed, options, { markdown });
}

function header(file: string, options: HeaderOptions): void {
  const pins: HeaderPins = { realm: options.realm, rootSha256: rootPin(options) };
  const parsed = orReport(file, options, () => parseContractFile(file));
  deliver(file, parsed, options, { header: renderCHeader(parsed.contract, parsed.sha256, pins) });
}

function lint(file: string, options: LintOptions): void {
  const contract =
    options.contract === undefined
      ? undefined
      : orReport(options.contract, options, () => parseContractFile(options.contract!));
  const { manifest, source } = orReport(file, options, () =>
    parseJobManifest(readBoundedFile(file, limits.yamlBytes), file),
  );
  const plan = planSteps(manifest);
  const order = plan.ordered.map((step) => step.name);
  const findings = lintManifest(manifest, source, contract);
  report(file, findings, options, {
    summary: `${file}: ${manifest.device.device_id}, ${counted(findings.warnings)}\nsteps: ${order.join(', ')}`,
    facts: { device_id: manifest.device.device_id, steps: order, moved: plan.moved },
  });
}

function parseContractFile(file: string): ParsedContract {
  return parseProvisioningContract(readBoundedFile(file, limits.yamlBytes), file);
}

/** The pin that the options name: of a certificate, which must be a root of that very realm, or as it was given. */
function rootPin({ root, rootSha256, realm }: HeaderOptions): string {
  if (rootSha256 !== undefined) {
    if (/^[0-9a-f]{64}$/.test(rootSha256)) return rootSha256;
    throw new ImprintError('usage', '--root-sha256 takes 64 lower-case hex digits.', {
      hint: 'openssl x509 -in root.pem -outform DER | sha256sum',
    });
  }
  if (root === undefined) {
    throw new ImprintError('usage', 'Firmware needs the root that it pins.', {
      hint: 'Give --root FILE, or --root-sha256 HEX.',
    });
  }
  const [der] = fromPem('CERTIFICATE', readBoundedFile(root, limits.dutMessageBytes), 1);
  const { extensions, subject, issuer, sha256 } = parseCertificate(der!);
  const isSelfIssued = equalBytes(subject.der, issuer.der);
  // The root of stations has the same form: its name alone says that no device stands under it.
  if (
    !isSelfIssued ||
    extensions.basicConstraints?.ca !== true ||
    extensions.basicConstraints.pathLength === 0 ||
    branchOfCa(subject) !== 'device'
  ) {
    throw new ImprintError('certificate_refused', `${root} is not the root of a device hierarchy`, {
      hint: 'Firmware pins the root, so that intermediates can be replaced. Give the root certificate of devices.',
    });
  }
  if (!extensions.policies?.includes(realmPolicyOid(realm))) {
    throw new ImprintError('realm_mismatch', `${root} is not a root of the ${realm} realm`, {
      hint: 'Give the root of the realm that the firmware is built for; nothing crosses realms.',
    });
  }
  return sha256;
}

/** The value, or where a file is at fault all findings about it and the end of the command. */
function orReport<T>(file: string, options: CommonOptions, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ImprintError) || !Array.isArray(error.context.findings)) throw error;
    const errors = error.context.findings as Finding[];
    try {
      report(file, { errors, warnings: [] }, options, { summary: '', facts: {} });
    } finally {
      const other = commandOfOtherKind(errors);
      if (other !== undefined && !options.json)
        process.stderr.write(`It looks as if you meant: ${other} ${file}\n`);
    }
    throw error;
  }
}

/** A contract given as a manifest, or the reverse, is known by its version key. */
function commandOfOtherKind(errors: readonly Finding[]): string | undefined {
  const has = (key: string) => errors.some(({ message }) => message === `unknown key "${key}"`);
  if (has('job_version')) return 'imprint contract lint-manifest';
  return has('contract_version') ? 'imprint contract check' : undefined;
}

/** Prints what was found, and ends with 1 where there are errors (or, if strict, warnings). */
function report(
  file: string,
  { errors, warnings }: { errors: Finding[]; warnings: Finding[] },
  options: CommonOptions & { strict?: boolean },
  { summary, facts }: { summary: string; facts: Record<string, unknown> },
): void {
  const isRefused = errors.length > 0 || (options.strict === true && warnings.length > 0);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ file, ok: !isRefused, ...facts, errors, warnings })}\n`);
  } else {
    printFindings(file, 'error', errors);
    printFindings(file, 'warning', warnings);
    if (!isRefused && summary !== '') process.stdout.write(`${summary}\n`);
  }
  if (isRefused) throw new ExitCode(1);
}

function printFindings(file: string, kind: 'error' | 'warning', findings: Finding[]): void {
  for (const finding of findings) {
    const { message, ...place } = finding;
    process.stderr.write(
      `${findingText(file, { ...place, message: `${kind}: ${message}` })}\n  ${finding.hint}\n`,
    );
  }
}

/** Writes the one text of `made` where it belongs; warnings about the contract go to standard error. */
function deliver(
  file: string,
  { contract, sha256, warnings }: ParsedContract,
  options: OutputOptions,
  made: Record<string, string>,
): void {
  const text = Object.values(made)[0]!;
  if (options.out !== undefined) writeOutput(options.out, text, file);
  if (options.json) {
    const where = options.out === undefined ? made : { out: options.out };
    const { product, revision } = contract;
    process.stdout.write(
      `${JSON.stringify({ file, ok: true, product, revision, sha256, ...where, warnings })}\n`,
    );
    return;
  }
  printFindings(file, 'warning', warnings);
  process.stdout.write(options.out === undefined ? text : `${options.out} written\n`);
}

function writeOutput(path: string, text: string, input: string): void {
  if (resolve(path) === resolve(input)) {
    throw new ImprintError('usage', 'The output would overwrite the contract.', {
      hint: 'Give --out another name.',
    });
  }
  try {
    writeFileSync(path, text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImprintError('file_invalid', `${path} cannot be written: ${reason}`, {
      hint: 'Check that its folder is there and yours to write.',
      cause,
    });
  }
}

function counted(warnings: Finding[]): string {
  return warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`;
}

function example(lines: string): string {
  return `\nExample:\n  ${lines}`;
}
