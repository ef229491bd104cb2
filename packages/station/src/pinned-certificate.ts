/**
 * Finds, in the chain that a server shows, the certificate whose hash a token carries. Nothing is sent on that connection;
 * what is found is then the only trust anchor of a new one, which TLS verifies in full.
 */
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { toPem } from '@imprint/contract/x509/pem';

const handshakeTimeoutMs = 10_000;

/** PEM of the pinned certificate. @throws unavailable; token_invalid where the server's chain does not hold it */
export async function pinnedCertificate(url: string, pinSha256: string): Promise<string> {
  const chain = await shownChain(url);
  const pinned = chain.find((der) => sha256Hex(der) === pinSha256);
  if (pinned) return toPem('CERTIFICATE', pinned);
  throw new ImprintError(
    'token_invalid',
    `what answers at ${url} is not the authority that wrote this token`,
    {
      hint: 'Stop, and compare the address with the person who wrote the token: somebody may stand between.',
      context: { shown: chain.map((der) => sha256Hex(der)) },
    },
  );
}

function shownChain(url: string): Promise<Uint8Array[]> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      socket.destroy();
      reject(
        new ImprintError('unavailable', `no TLS connection to ${url}: ${reason}`, {
          hint: 'Check the network and the address in the token.',
        }),
      );
    };
    const socket = connect({
      host,
      port: Number(port || 443),
      servername: /^[\d.:]+$/.test(host) ? '' : host,
      // The chain is only looked at here. It is verified on the connection over which something is said.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
    });
    socket.setTimeout(handshakeTimeoutMs, () => fail('nobody answered in time'));
    socket.once('error', (error) => fail(error.message));
    socket.once('secureConnect', () => {
      const chain = certificatesOf(socket.getPeerCertificate(true));
      socket.destroy();
      resolve(chain);
    });
  });
}

/** The certificates from the leaf up; a self-signed one names itself as its issuer. */
function certificatesOf(leaf: DetailedPeerCertificate): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let next: DetailedPeerCertificate | undefined = leaf;
  while (next?.raw && chain.length <= limits.chainCertificates) {
    chain.push(new Uint8Array(next.raw));
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}
