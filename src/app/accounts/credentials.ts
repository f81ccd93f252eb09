import { Refused } from '../../domain/errors/catalogue.ts';

/** ASCII only: no two names look alike, and there is one way to ignore case. */
const userNameForm = /^[A-Za-z0-9._-]{3,64}$/;

/** Characters; NIST SP 800-63B asks for 8 at least. */
const minPasswordLength = 8;

/** Characters: a sentence fits, and hashing more than this would be work for nothing. */
const maxPasswordLength = 256;

/** Where a request has the password. */
type PasswordField = 'password' | 'old_password' | 'new_password';

/** Throws USER_NAME_INVALID. */
export function checkUserName(userName: string): void {
  if (userNameForm.test(userName)) return;
  throw new Refused('USER_NAME_INVALID', undefined, {
    violations: [{ field: 'user_name', description: "3 to 64 letters, digits, '.', '_' and '-'" }],
  });
}

/** Throws PASSWORD_INVALID for one that cannot be chosen. The common ones, in lower case, are what a guesser tries first. */
export function checkNewPassword(
  password: string,
  common: ReadonlySet<string>,
  field: PasswordField = 'password',
): void {
  if (lengthOf(password) < minPasswordLength) throw lengthInvalid(field);
  checkPasswordBound(password, field);
  if (common.has(password.normalize('NFKC').toLowerCase()))
    throw invalid(field, 'The password is too common.', 'too common: it is among those that are tried first');
}

/** Throws PASSWORD_INVALID for one too long to be anybody's. A short one is only wrong: the least length may have been lower once. */
export function checkPasswordBound(password: string, field: PasswordField = 'password'): void {
  if (lengthOf(password) > maxPasswordLength) throw lengthInvalid(field);
}

/** Characters, of which a string may need two units each; beyond what can be right, units do. */
function lengthOf(password: string): number {
  return password.length > 2 * maxPasswordLength ? password.length : Array.from(password).length;
}

function lengthInvalid(field: PasswordField): Refused {
  const description = `${minPasswordLength} to ${maxPasswordLength} characters`;
  return invalid(field, 'The password is too short or too long.', description);
}

function invalid(field: PasswordField, detail: string, description: string): Refused {
  return new Refused('PASSWORD_INVALID', detail, { violations: [{ field, description }] });
}
