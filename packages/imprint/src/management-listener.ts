/** Puts the management listener together from a home: its TLS, its people, and the company's provider where there is one. */
import { OidcSignIn } from '@imprint/authority/access/oidc-sign-in';
import { createManagementListener } from '@imprint/authority/http/management-listener';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { readSecretFile, type SecretKind } from '@imprint/authority/trust/secret-file';
import { limits } from '@imprint/contract/limits';
import { toPem } from '@imprint/contract/x509/pem';
import type { FastifyInstance } from 'fastify';
import { Agent } from 'undici';
import { readCertificate } from './authority-home.ts';
import type { OpenAuthority, UnlockedAuthority } from './open-authority.ts';
import { readBoundedFile } from './read-bounded-file.ts';
import { reportFault } from './report-fault.ts';

const clientSecret: SecretKind = {
  name: 'client secret',
  wrong: 'file_invalid',
  maxBytes: limits.passwordBytes,
};

/** @throws file_invalid, passphrase_wrong (the secret of the provider's client) */
export async function managementListenerOf(
  authority: OpenAuthority,
  { keys }: UnlockedAuthority,
): Promise<FastifyInstance> {
  const { home, configuration, access, contracts } = authority;
  const oidc = await oidcOf(authority);
  return createManagementListener({
    core: { ...access, organization: configuration.organization, contracts },
    hosts: configuration.hosts,
    key: await keys.read(keyNames.server),
    certificateChainPem:
      toPem('CERTIFICATE', readCertificate(home, 'server')) +
      toPem('CERTIFICATE', readCertificate(home, 'stationCa')),
    ...(oidc === undefined ? {} : { oidc }),
    report: reportFault,
  });
}

async function oidcOf({ configuration, access }: OpenAuthority): Promise<OidcSignIn | undefined> {
  const { oidc } = configuration;
  if (oidc === undefined) return undefined;
  const { client_secret_file: file, ca_file: ca, roles } = oidc;
  const secret =
    file === undefined
      ? undefined
      : new TextDecoder().decode(await readSecretFile(file, 0o077, clientSecret));
  return new OidcSignIn(access, {
    issuer: oidc.issuer,
    clientId: oidc.client_id,
    redirectUri: oidc.redirect_uri,
    ...(secret === undefined ? {} : { clientSecret: secret }),
    ...(roles === undefined ? {} : { roles }),
    ...(ca === undefined
      ? {}
      : { dispatcher: new Agent({ connect: { ca: readBoundedFile(ca, limits.requestBytes) } }) }),
  });
}
