/**
 * The program of a process that holds one session with a token: opens it, then signs digests one after another, while the
 * event loop of the authority goes on. It trusts its parent alone, and ends when the channel to it does.
 */
import { ImprintError } from '@imprint/contract/errors';
import { makeTokenKey } from './make-token-key.ts';
import { fieldBytes, type Reply, type Request, toRefusal } from './messages.ts';
import { call } from './pkcs11-module.ts';
import { findTokenKey, type TokenKey } from './token-key.ts';
import { openTokenSession, type TokenSession } from './token-session.ts';

let opened: (TokenSession & { key: TokenKey }) | undefined;

process.on('message', (request: Request) => process.send!(answer(request)));
// a terminal's Control-C and a service's stop reach this process too: the parent ends it when its last signature has arrived
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', end);

function end(): void {
  opened?.close();
  process.exit();
}

function answer(request: Request): Reply {
  try {
    switch (request.kind) {
      case 'open': {
        const session = openTokenSession(request.reference, request.pin, false, request.sparing);
        const key = findTokenKey(session, request.reference);
        opened = { ...session, key };
        return { kind: 'opened', keyType: key.keyType, point: key.point };
      }
      case 'make-key':
        makeTokenKey(request.key, request.pin);
        return { kind: 'key-made' };
      case 'sign':
        return sign(request.digests);
    }
  } catch (error) {
    return { kind: 'refused', refusal: toRefusal(error) };
  }
}

/** Everything up to the first failure: whether that one was signed inside is not known, and the ones behind it were not. */
function sign(digests: Uint8Array): Reply {
  if (opened === undefined) throw new ImprintError('internal', 'A token signs when it is open.');
  const { module, session, key } = opened;
  const { functions, constants } = module;
  const size = fieldBytes[key.keyType];
  const mechanism = { mechanism: constants.CKM_ECDSA };
  const signatures = Buffer.alloc(2 * digests.length);
  const input = Buffer.from(digests.buffer, digests.byteOffset, digests.length);
  let done = 0;
  try {
    for (let at = 0; at < input.length; at += size) {
      call('C_SignInit', () => functions.C_SignInit(session, mechanism, key.privateKey));
      const place = signatures.subarray(2 * at, 2 * (at + size));
      const made = call('C_Sign', () => functions.C_Sign(session, input.subarray(at, at + size), place));
      if (made.length !== place.length) {
        throw new ImprintError('unavailable', `The token gave a signature of ${made.length} bytes.`);
      }
      done = 2 * (at + size);
    }
    return { kind: 'signed', signatures };
  } catch (error) {
    return { kind: 'signed', signatures: signatures.subarray(0, done), refusal: toRefusal(error) };
  }
}
