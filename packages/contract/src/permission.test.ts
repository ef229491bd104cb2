import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actRules, approvalAct } from './approval-act.ts';
import { actParameters } from './approval-parameters.ts';
import { isEmpowering, isForTokens, permission, permissionsOf, role } from './permission.ts';

test('I-10: a word that is no role has no permission', () => {
  assert.deepEqual(permissionsOf(['root', '__proto__', 'constructor', '']), []);
  assert.deepEqual(permissionsOf([]), []);
});

test('roles add up, and each permission is somebody’s', () => {
  assert.deepEqual(permissionsOf(['shipping', 'support']), [
    'configuration.manage',
    'device.read',
    'device.service',
    'device.ship',
    'order.read',
  ]);
  assert.deepEqual(permissionsOf(role.options), [...permission.options].sort());
});

test('who reads changes nothing, and a line’s operator is no second person', () => {
  for (const one of permissionsOf(['auditor', 'operator'])) assert.match(one, /\.read$/);
  assert.deepEqual(
    role.options.filter((one) => isEmpowering([one])),
    ['administrator', 'ca-officer', 'line-lead'],
  );
  assert.equal(isForTokens('approval.grant-trust'), false);
  assert.equal(isForTokens('account.manage'), false);
  assert.equal(isForTokens('order.manage'), true);
});

test('I-18: every act has who asks, who grants, and a subject among its parameters; both can be somebody', () => {
  for (const act of approvalAct.options) {
    const { ask, grant, subject } = actRules[act];
    assert.ok(Object.hasOwn(actParameters[act].shape, subject), act);
    assert.ok(grant.startsWith('approval.grant-'), act);
    assert.ok(
      role.options.some((one) => permissionsOf([one]).includes(ask)),
      act,
    );
  }
});
