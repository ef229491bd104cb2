import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AbortedTransactionError } from 'kysely';
import pg from 'pg';
import type { StorageFault } from '../storage.ts';
import { ConnectionLost, postgresFault } from './postgres-fault.ts';

function said(code: string, severity = 'ERROR') {
  return Object.assign(new pg.DatabaseError('said', 1, 'error'), { code, severity });
}

test('each state that the server tells has its meaning for the ledger, and what is not known stops writing', () => {
  const meanings: Record<string, StorageFault> = {
    '23505': 'refused',
    '22021': 'refused',
    '42601': 'refused',
    '25P02': 'refused',
    '40001': 'raced',
    '40P01': 'raced',
    '55P03': 'busy',
    '57014': 'busy',
    '53200': 'busy',
    '53100': 'full',
    '08006': 'lost',
    '25006': 'lost',
    '57P01': 'lost',
    '58030': 'broken',
    XX001: 'broken',
  };
  for (const [code, meaning] of Object.entries(meanings))
    assert.equal(postgresFault(said(code)), meaning, code);
});

test('whatever ends the session is a lost connection', () => {
  for (const [code, severity] of [
    ['28P01', 'FATAL'],
    ['58030', 'PANIC'],
    ['25P03', 'FATAL'],
  ] as const) {
    assert.equal(postgresFault(said(code, severity)), 'lost');
  }
  assert.equal(postgresFault(new ConnectionLost(new Error('read ECONNRESET'))), 'lost');
});

test('a commit that the server undid has written nothing, and what is not the engine’s is not judged', () => {
  assert.equal(postgresFault(new AbortedTransactionError()), 'refused');
  assert.equal(postgresFault(new TypeError('no')), 'foreign');
});
