/** Turns the name of a CA's key into a signer: the one place that knows where such keys are kept. */
import type { Signer } from '@imprint/authority/signer/signer';
import { softwareSigner } from '@imprint/authority/signer/software';
import type { SealedKeyFolder } from '@imprint/authority/trust/sealed-key-folder';

/** @throws file_invalid where there is no such key, or it was changed; key_unsupported */
export async function caSigner(keys: SealedKeyFolder, name: string): Promise<Signer> {
  return softwareSigner(await keys.read(name));
}
