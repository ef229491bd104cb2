/**
 * Runs one command over an authority's home and closes it again, whatever comes of it. It gives nobody to act as: what changes
 * something goes through `act-as.ts`.
 */
import { type OpenAuthority, openAuthority } from './open-authority.ts';

export async function withAuthority<T>(
  options: { home: string; passphraseFile?: string; pinFile?: string },
  work: (authority: Omit<OpenAuthority, 'person'>) => Promise<T>,
): Promise<T> {
  const authority = await openAuthority(options.home, options);
  try {
    return await work(authority);
  } finally {
    await authority.close();
  }
}
