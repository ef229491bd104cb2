/**
 * The job manifest: one file, or one canonical JSON text pinned by its hash, that describes the work on one unit. What
 * it does not know it refuses before the unit is touched.
 */

import { canonicalJson, parseCanonicalJson } from './canonical-json.ts';
import { ImprintError } from './errors.ts';
import { findingsError } from './finding.ts';
import { sha256Hex } from './hash.ts';
import { type JobManifest, manifestSchema } from './job-manifest/schema.ts';
import { limits } from './limits.ts';
import { checkAgainstSchema } from './schema-findings.ts';
import { parseStrictYaml, type YamlSource } from './strict-yaml.ts';

export { type ManifestInput, manifestFromContract } from './job-manifest/from-contract.ts';
export { lintManifest, type ManifestLint } from './job-manifest/lint.ts';
export { irreversibleSteps, planSteps, type StepPlan } from './job-manifest/plan-steps.ts';
export { type JobManifest, manifestSchema, type Step, type StepName } from './job-manifest/schema.ts';

export interface ParsedManifest {
  manifest: JobManifest;
  /** Where everything stands in the file, for findings about it. */
  source: YamlSource;
}

/**
 * Reads a manifest file.
 *
 * @param text the file, decoded from UTF-8 strictly and with any byte order mark left in place
 * @param fileName for messages only
 * @throws ImprintError `manifest_invalid`; its message is `file:line:column: message`, its `context.findings` holds all
 * that is wrong.
 */
export function parseJobManifest(text: string, fileName: string): ParsedManifest {
  const source = parseStrictYaml(text, fileName, 'manifest_invalid');
  const checked = checkAgainstSchema(manifestSchema, source);
  if ('findings' in checked) throw findingsError('manifest_invalid', fileName, checked.findings);
  return { manifest: checked.value, source };
}

/**
 * Reads the manifest that the authority pinned in a job: canonical JSON with the hash that the job names.
 *
 * @throws ImprintError `manifest_invalid`.
 */
export function parsePinnedManifest(text: string, sha256: string): JobManifest {
  const hint = 'Open the job again; if it stays, call the person who runs the authority.';
  if (sha256Hex(new TextEncoder().encode(text)) !== sha256) {
    throw new ImprintError('manifest_invalid', 'the manifest is not the one that the job pins', { hint });
  }
  const result = manifestSchema.safeParse(parseCanonicalJson(text, limits.yamlBytes));
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new ImprintError(
      'manifest_invalid',
      `the pinned manifest: ${issue.path.join('.')}: ${issue.message}`,
      {
        hint,
      },
    );
  }
  return result.data;
}

/** The text of a manifest as jobs pin it, and its SHA-256. */
export function pinManifest(manifest: JobManifest): { text: string; sha256: string } {
  const text = canonicalJson(manifest);
  return { text, sha256: sha256Hex(new TextEncoder().encode(text)) };
}
