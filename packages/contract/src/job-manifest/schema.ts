/**
 * The shape of a job manifest, version 1: the work on one unit. The source article's file is one as it stands, once its
 * placeholder hash is replaced. Trusts nobody: paths stay inside the manifest's own folder, steps are a closed set.
 */

import { z } from 'zod';
import { limits } from '../limits.ts';
import { pathFault } from './relative-path.ts';

const word = (what: string, maxLength: number) =>
  z
    .string()
    .min(1, `${what} is empty`)
    .max(maxLength)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, `${what} is letters, digits, dots, hyphens and underscores`);

const relativePath = z.string().superRefine((text, context) => {
  const fault = pathFault(text);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, {
  error: (issue) =>
    /^REPLACE|PLACEHOLDER|^TODO/i.test(String(issue.input))
      ? 'the placeholder still stands where the SHA-256 of the firmware image belongs'
      : 'a SHA-256 is 64 lower-case hex digits',
});

const partition = z
  .string()
  .max(16)
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'a partition is lower-case letters and digits, joined by hyphens');

/** Every step and its arguments. What is not here is refused before the unit is touched. */
export const stepSchemas = {
  'write-trust-anchor': z.strictObject({ target_partition: partition, verify_readback: z.boolean() }),
  'write-device-id': z.strictObject({ target_partition: partition, encode: z.literal('ascii') }),
  'write-factory-config': z.strictObject({ target_partition: partition, verify_readback: z.boolean() }),
  'write-certs': z.strictObject({ target_partition: partition, verify_readback: z.boolean() }),
  'post-provision-selftest': z.strictObject({ timeout_s: z.int().min(1).max(600) }),
  'program-boot-flags': z.strictObject({ secure_boot: z.boolean(), disable_jtag: z.boolean() }),
  'lock-debug': z.strictObject({ permanent: z.boolean() }),
} as const;

export type StepName = keyof typeof stepSchemas;

const step = <Name extends StepName>(name: Name) =>
  z.strictObject({ name: z.literal(name), args: stepSchemas[name] });

const stepSchema = z.discriminatedUnion('name', [
  step('write-trust-anchor'),
  step('write-device-id'),
  step('write-factory-config'),
  step('write-certs'),
  step('post-provision-selftest'),
  step('program-boot-flags'),
  step('lock-debug'),
]);

export const manifestSchema = z.strictObject({
  job_version: z.literal(1),
  device: z.strictObject({
    device_id: z
      .string()
      .max(limits.deviceIdLength)
      .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]*$/, 'a device ID is letters, digits and - . :'),
    hw_rev: word('a hardware revision', 64),
    sku: word('a SKU', 64),
  }),
  security: z.strictObject({
    key_type: z.enum(['ec-p256', 'ec-p384', 'ed25519']),
    key_storage: z
      .string()
      .regex(
        /^(?:secure-element|protected-keystore|protected-flash)-slot-(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])$/,
        'a key lies in secure-element, protected-keystore or protected-flash, as in secure-element-slot-0; it is never injected',
      ),
    certs: z.strictObject({
      device_cert: relativePath,
      chain: z.array(relativePath).min(1).max(limits.chainCertificates),
    }),
  }),
  firmware: z.strictObject({ build_id: word('a build ID', 64), expected_sha256: sha256Hex }),
  provision_steps: z
    .array(stepSchema)
    .min(1)
    .max(16)
    .superRefine((steps, context) => {
      for (const [index, { name }] of steps.entries()) {
        if (steps.findIndex((other) => other.name === name) === index) continue;
        context.addIssue({ code: 'custom', path: [index, 'name'], message: `${name} stands twice` });
      }
    }),
  /** The contract that the manifest was made from; the article's manifests have none. */
  contract: z
    .strictObject({
      product: word('a product', 48),
      revision: word('a revision', 64),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 is 64 lower-case hex digits'),
    })
    .optional(),
});

export type JobManifest = z.infer<typeof manifestSchema>;
export type Step = z.infer<typeof stepSchema>;
