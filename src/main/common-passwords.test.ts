import { expect, test } from '@jest/globals';
import { checkNewPassword } from '../app/accounts/credentials.ts';
import { readCommonPasswords } from './common-passwords.ts';

const common = readCommonPasswords();

test('the list has at least 3,000 passwords, each as it is compared and long enough to be chosen', () => {
  expect(common.size).toBeGreaterThanOrEqual(3_000);
  for (const password of common) {
    expect(password).toBe(password.trim().normalize('NFKC').toLowerCase());
    expect(() => checkNewPassword(password, new Set())).not.toThrow();
  }
});

test.each(['password', '12345678', 'Password1', 'QWERTYUIOP', 'iloveyou', '1q2w3e4r', 'P@ssw0rd'])(
  '%s is refused',
  (password) => {
    expect(() => checkNewPassword(password, common)).toThrow('too common');
  },
);

test.each(['correct horse', 'a long password', 'password of nobody else'])('%s can be chosen', (password) => {
  expect(() => checkNewPassword(password, common)).not.toThrow();
});
