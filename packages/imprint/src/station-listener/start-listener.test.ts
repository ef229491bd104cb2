import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import type { Deciding } from './start-listener.ts';
import { startStationListener } from './start-listener.ts';

test('a thread that ends by itself is told to whoever waits for it, and listens nowhere', async () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  // there is no authority in that folder
  const thread = startStationListener({ folder: tmpdir(), key }, {} as Deciding);
  await assert.rejects(thread.listen('127.0.0.1', 0), /no authority/);
  await assert.rejects(thread.failed, /no authority/);
});
