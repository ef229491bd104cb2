/**
 * Turns the names of a CA's keys into signers: the one place that knows where such keys are kept. A sealed file is a key in
 * memory, a reference is one in a token; another kind of HSM is another kind of reference, and one more line here.
 */
import { type TokenPlace, tokenName } from '@imprint/authority/signer/pkcs11/token-place';
import {
  parseTokenReference,
  type TokenReference,
  tokenReferenceText,
} from '@imprint/authority/signer/pkcs11/token-reference';
import type { TokenSigner } from '@imprint/authority/signer/pkcs11/token-signer';
import type { Signer } from '@imprint/authority/signer/signer';
import { softwareSigner } from '@imprint/authority/signer/software';
import { promptHidden } from '@imprint/authority/trust/passphrase';
import { readPin } from '@imprint/authority/trust/pin';
import type { SealedKeyFolder } from '@imprint/authority/trust/sealed-key-folder';

export interface CaSigners {
  /**
   * One signer for a name, however often it is asked for.
   * @throws file_invalid where there is no such key, or it was changed; key_unsupported; of a token tool_missing, hsm_token_missing,
   * hsm_key_missing, hsm_ambiguous, hsm_key_exposed, key_locked, unavailable
   */
  open(name: string): Promise<Signer>;
  /**
   * Puts a key of a token under a name. It is opened first: what does not open is not written down.
   * @throws home_exists where a key of that name stands already; of the token as {@link open}
   */
  adopt(name: string, reference: TokenReference): Promise<Signer>;
  /** Lets go of every token. */
  close(): Promise<void>;
}

/** @param pinFile what the person named; see {@link pinReader} */
export function caSigners(keys: SealedKeyFolder, pinFile: string | undefined): CaSigners {
  const opened = new Map<string, Promise<Signer>>();
  const tokens: TokenSigner[] = [];
  const open = async (name: string): Promise<Signer> => {
    const reference = await keys.readReference(name);
    if (reference === undefined) return sealedSigner(keys, name);
    const file = `${name}.token.json`;
    const signer = await openToken(parseTokenReference(reference, file), pinFile);
    tokens.push(signer);
    return signer;
  };
  const adopt = async (name: string, reference: TokenReference): Promise<Signer> => {
    const signer = await openToken(reference, pinFile);
    tokens.push(signer);
    await keys.writeReference(name, tokenReferenceText(reference));
    opened.set(name, Promise.resolve(signer));
    return signer;
  };
  return {
    adopt,
    open: (name) => {
      const signer = opened.get(name) ?? open(name);
      opened.set(name, signer);
      // a key that is not there yet may be there later
      signer.catch(() => opened.delete(name));
      return signer;
    },
    close: async () => {
      await Promise.allSettled(opened.values());
      await Promise.all(tokens.map((signer) => signer.close()));
    },
  };
}

/** The signer of a key that is sealed in the folder. @throws file_invalid where there is no such key, or it was changed; key_unsupported */
export async function sealedSigner(keys: SealedKeyFolder, name: string): Promise<Signer> {
  return softwareSigner(await keys.read(name));
}

/** A key in a token, and where its PIN is. */
export interface KeyInToken {
  reference: TokenReference;
  pinFile: string | undefined;
}

/**
 * The signer of a key in a token, which the caller closes.
 * @param purpose whoever only looks asks nobody for the PIN, and gives none where a wrong one was given since the last right one
 * @throws as {@link CaSigners.open}
 */
export async function openToken(
  reference: TokenReference,
  pinFile: string | undefined,
  purpose: 'to sign' | 'for a look' = 'to sign',
): Promise<TokenSigner> {
  // loaded where it is needed: a home without a token starts without it
  const { openTokenSigner } = await import('@imprint/authority/signer/pkcs11/token-signer');
  return openTokenSigner(reference, {
    readPin: pinReader(reference, pinFile, purpose === 'to sign'),
    sparing: purpose === 'for a look',
    monotonicMs: () => performance.now(),
  });
}

/**
 * Gives the PIN each time that the token is opened: from the named file, `$IMPRINT_PIN_FILE` or systemd's credential, read anew
 * each time; or as it was typed in once.
 */
export function pinReader(
  place: TokenPlace,
  file: string | undefined,
  mayAsk = true,
): () => Promise<Uint8Array> {
  const { stdin, stderr } = process;
  let typed: Uint8Array | undefined;
  const ask = async (question: string) => {
    typed ??= await promptHidden(stdin, stderr, question);
    return Uint8Array.from(typed);
  };
  return () =>
    readPin(
      {
        file,
        environmentFile: process.env.IMPRINT_PIN_FILE,
        credentialsDirectory: process.env.CREDENTIALS_DIRECTORY,
        prompt: mayAsk && stdin.isTTY && stderr.isTTY ? ask : undefined,
      },
      tokenName(place),
    );
}
