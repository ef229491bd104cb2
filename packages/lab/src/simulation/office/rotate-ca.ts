/** A new CA in the place of the one that certifies devices, as `imprint ca rotate` does it where the root is at hand: asked for by two, signed, installed. */
import { bundleDraft, latestBundle, signBundle } from '@imprint/authority/trust/bundles';
import { furtherCa } from '@imprint/authority/trust/ca-request';
import { installCa, requestCa } from '@imprint/authority/trust/cas';
import { issueIntermediate } from '@imprint/authority/trust/issue-ca';
import { trustedCas } from '@imprint/authority/trust/issuers';
import { sha256Hex } from '@imprint/contract/hash';
import { anyScope } from '@imprint/contract/x509/ca-scope';
import { drawSeededKey, signerOf } from '../seeded-keys.ts';
import { crlPartitions } from '../setup.ts';
import { beginning } from '../world.ts';
import { allowed, type DeedOutcome, refused, together } from './deeds.ts';
import { type Office, signedIn } from './office.ts';

const organization = 'Example Devices';

export async function rotateCa(office: Office): Promise<DeedOutcome> {
  const { world, authority, model } = office;
  const { identity } = authority;
  const [first, second] = office.pair();
  const by = signedIn(first).actor;
  const old = [...model.cas.installed.values()].findLast(
    ({ id, isRetired }) => !isRetired && /^device-/.test(id),
  )!;
  const caId = `device-issuing-${identity.caSigners.size}`;
  const key = drawSeededKey('ec-p256', world.entropy(`key of ${caId}`));
  identity.caSigners.set(caId, signerOf(key));
  const terms = furtherCa(caId, anyScope, { replaces: old.id, crlPartitions });
  const request = { ...terms, public_key_sha256: sha256Hex(key.spki) };
  const ask = () => office.ask(({ ledger }) => requestCa(ledger, by, request));

  const alone = refused(await ask(), 'approval_required');
  const approval = await office.request(first, 'ca.create-intermediate', request);
  if (approval === undefined) return 'not tried';
  const granted = allowed(office, await office.grant(second, approval));
  const requested = allowed(office, await ask());
  if (together(alone, granted, requested) !== 'held') return together(alone, granted, requested);

  const { certificates } = identity.hierarchy;
  const of = { realm: 'dev' as const, organization };
  // from the beginning of the day, so that it holds under every clock that may install it
  const signing = { ...of, now: new Date(beginning), entropy: world.entropy(`certificate of ${caId}`) };
  const certificate = await issueIntermediate(signing, terms, identity.root, key.spki);
  const installed = await office.ask(async ({ ledger }) => {
    const last = (await latestBundle(ledger.reader))?.version ?? 0;
    const cas = [...(await trustedCas(ledger.reader, 'device')), certificate];
    const text = await signBundle(identity.root, last + 1, cas, new Date(beginning));
    const trust = { realm: 'dev' as const, root: certificates.root, newerThan: last };
    const roots = { ...of, root: certificates.root, stationRoot: certificates.stationRoot };
    return installCa(ledger, by, caId, certificate, roots, [bundleDraft(by, text, trust)]);
  });
  model.log.pull();
  const isSuccessor = old.isRetired && model.cas.installed.has(sha256Hex(certificate));
  return together(
    allowed(office, installed),
    isSuccessor ? 'held' : { broken: `${caId} is installed, and ${old.id} goes on` },
  );
}
