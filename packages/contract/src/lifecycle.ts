/** The lifecycle of a device record: its states and the one table of transitions. */
import { z } from 'zod';

export const lifecycleState = z.enum([
  'allocated',
  'manufactured',
  'stocked',
  'shipped',
  'activated',
  'retired',
  'quarantined',
  'returned',
  'refurbished',
  'scrapped',
  'lost',
]);
export type LifecycleState = z.infer<typeof lifecycleState>;
