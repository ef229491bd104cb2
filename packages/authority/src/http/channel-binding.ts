/**
 * What names a TLS connection to both of its ends and to nobody else: `tls-exporter` (RFC 9266) of TLS 1.3, `tls-unique` (RFC 5929 section 3) of
 * TLS 1.2. A request that bears it was made by whoever holds this connection.
 */
import type { TLSSocket } from 'node:tls';
import { equalBytes, fromBase64 } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';

const exporterLabel = 'EXPORTER-Channel-Binding';
const exporterBytes = 32;
const noContext = Buffer.alloc(0);

/** Undefined where the connection has none, as under an older TLS. */
export function channelBinding(socket: TLSSocket): Uint8Array | undefined {
  switch (socket.getProtocol()) {
    case 'TLSv1.3':
      return socket.exportKeyingMaterial(exporterBytes, exporterLabel, noContext);
    case 'TLSv1.2':
      // the first Finished of the handshake: the client's, or the server's where a session was resumed
      return socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished();
    default:
      return undefined;
  }
}

/**
 * Holds the challenge password of a request (RFC 7030 section 3.5: base64 of the binding) against the connection on which it came.
 * @throws csr_proof_wrong where it is of another connection, or no binding at all
 */
export function requireBound(challengePassword: string | undefined, socket: TLSSocket): void {
  if (challengePassword === undefined) return;
  const own = channelBinding(socket);
  const said = decoded(challengePassword);
  if (own !== undefined && said !== undefined && equalBytes(own, said)) return;
  throw new ImprintError('csr_proof_wrong', 'The request was made for another connection.', {
    hint: 'Leave challengePassword out, or put base64 of the channel binding into it: tls-exporter, or tls-unique of TLS 1.2.',
  });
}

function decoded(text: string): Uint8Array | undefined {
  try {
    return fromBase64(text);
  } catch (error) {
    if (isImprintError(error)) return undefined;
    throw error;
  }
}
