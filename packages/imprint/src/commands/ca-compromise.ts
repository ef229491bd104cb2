/**
 * `imprint ca compromise`: what is to be done when a CA's key was stolen, as one command that shows it, does it, and goes on where it was
 * broken off. `imprint order replace` opens what takes the place of the units that were set aside.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { csvLine } from '@imprint/authority/audit/export';
import { actingLedger } from '@imprint/authority/access/acting-ledger';
import { declareCompromised, requireDeclarable } from '@imprint/authority/compromise/declare';
import { disown, recognise, type SeenCertificate } from '@imprint/authority/compromise/disown';
import { type Plan, type Planned, planOf, successorsOf } from '@imprint/authority/compromise/plan';
import {
  openReplacements,
  type Replacement,
  replacementsFor,
} from '@imprint/authority/compromise/replacement-orders';
import { revokeIssued } from '@imprint/authority/compromise/revoke-issued';
