/**
 * Another process on the same store: makes accounts, a family and a key, and says what it was allowed to.
 *
 *     use-store.ts <file> <own name>
 */
import { systemClock } from '../../../node/system-clock.ts';
import { openSqliteAccountStore } from '../sqlite-account-store.ts';

const [, , path = '', self = ''] = process.argv;
const contested = 40;

const store = openSqliteAccountStore({ path, clock: systemClock });
const won: string[] = [];
for (let index = 0; index < contested; index += 1) {
  const userName = `user-${index}`;
  const account = {
    clientId: `${userName} of ${self}`,
    userName,
    passwordHash: self,
    role: 'client',
    createTimeMs: 0,
  } as const;
  if (await store.createAccount(account)) won.push(userName);
}
const key = { kid: self, privateJwk: '{}', createTimeMs: 0, retireTimeMs: 1, removeTimeMs: Number.MAX_SAFE_INTEGER };
const madeKey = await store.addSigningKey(key, null);
const rotation = {
  familyId: 'contested',
  presentedHash: 'first',
  nextHash: self,
  expireTimeMs: Number.MAX_SAFE_INTEGER,
};
const { kind } = await store.rotateFamily(rotation);
await store[Symbol.asyncDispose]();
console.log(JSON.stringify({ won, madeKey, kind }));
