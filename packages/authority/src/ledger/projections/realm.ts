/** Entries that say who this authority is and which contracts it knows. */
import type { Projections } from './projections.ts';

export const realmProjections: Projections<'realm.created' | 'contract.registered'> = {
  'realm.created': async (tx, { realm, data }) => {
    await tx
      .insertInto('realm')
      .values({ realm, ...data })
      .execute();
  },
  'contract.registered': async (tx, { at, data }) => {
    await tx
      .insertInto('contract')
      .values({ ...data, registered_at: at })
      .execute();
  },
};
