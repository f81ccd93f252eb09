import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  type Account,
  AccountStoreDamaged,
  AccountStoreTooNew,
  AccountStoreUnavailable,
} from '../../../ports/account-store.ts';
import { StandingClock } from '../../../testing/standing-clock.ts';
import { readAccountSchemaVersion } from './account-file.ts';
import { accountSchemaVersion, migrate, migrations } from './schema.ts';
import { openSqliteAccountStore } from './sqlite-account-store.ts';

const clock = new StandingClock();
const ann: Account = {
  clientId: 'c1',
  userName: 'ann',
  passwordHash: 'the hash of a password',
  role: 'client',
  createTimeMs: 1,
};

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-accounts-'));
  path = join(folder, 'accounts.db');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const open = () => openSqliteAccountStore({ path, clock });
const permissionsOf = (file: string) => statSync(file).mode & 0o777;

test('what was answered is there after closing and opening', async () => {
  {
    await using store = open();
    await store.createAccount(ann);
  }
  await using store = open();
  expect(await store.accountNamed('ann')).toEqual(ann);
});

test('only its owner may read the files, also when they were open to others', async () => {
  await using store = open();
  await store.createAccount(ann);
  for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(permissionsOf(file)).toBe(0o600);
  await chmod(path, 0o644);
  await using again = open();
  expect(permissionsOf(path)).toBe(0o600);
  expect(await again.accountNamed('ann')).toEqual(ann);
});

test('what is removed is not in the file any more once it is closed', async () => {
  {
    await using store = open();
    await store.createAccount(ann);
  }
  expect(readFileSync(path).includes(ann.passwordHash)).toBe(true);
  {
    await using store = open();
    await store.removeAccount('ann');
  }
  expect(readFileSync(path).includes(ann.passwordHash)).toBe(false);
});

test('processes that begin on the same new file at once share its names, keys and families', async () => {
  const useStore = fileURLToPath(new URL('testing/use-store.ts', import.meta.url));
  const selves = ['one', 'two', 'three', 'four'];
  const answers = await Promise.all(
    selves.map(async (self) => {
      const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', useStore, path, self]);
      return JSON.parse(stdout) as { won: string[]; madeKey: boolean; kind: string };
    }),
  );
  const won = answers.flatMap((answer) => answer.won);
  expect(won).toHaveLength(40);
  expect(new Set(won).size).toBe(40);
  expect(answers.filter(({ madeKey }) => madeKey)).toHaveLength(1);
  await using store = open();
  expect(await store.listAccounts('', 100)).toHaveLength(40);
});

test('a token presented by several processes at once is traded once', async () => {
  {
    await using store = open();
    await store.createAccount(ann);
    const family = { familyId: 'contested', clientId: 'c1', tokenHash: 'first', expireTimeMs: Date.now() * 2 };
    await store.createFamily(family, ann.passwordHash);
  }
  const useStore = fileURLToPath(new URL('testing/use-store.ts', import.meta.url));
  const kinds = await Promise.all(
    ['one', 'two', 'three'].map(async (self) => {
      const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', useStore, path, self]);
      return (JSON.parse(stdout) as { kind: string }).kind;
    }),
  );
  expect(kinds.toSorted()).toEqual(['reused', 'rotated', 'unknown']);
});

test('a transaction of another handle that lasts is told as AccountStoreUnavailable', async () => {
  await using store = open();
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  await expect(store.createAccount(ann)).rejects.toThrow(AccountStoreUnavailable);
  expect(await store.accountNamed('ann')).toBeNull();
  other.exec('ROLLBACK');
  other.close();
  expect(await store.createAccount(ann)).toBe(true);
});

test('a file of a later release is refused by name and left as it is', async () => {
  await open()[Symbol.asyncDispose]();
  const later = new DatabaseSync(path);
  later.exec(`PRAGMA user_version = ${accountSchemaVersion + 1}`);
  later.close();
  expect(open).toThrow(AccountStoreTooNew);
  expect(readAccountSchemaVersion(path)).toBe(accountSchemaVersion + 1);
});

test('a file of an earlier release is brought up to date step by step, all steps or none', () => {
  const database = new DatabaseSync(path);
  const steps = [
    ...migrations,
    (file: DatabaseSync) => file.exec("ALTER TABLE accounts ADD COLUMN nickname TEXT NOT NULL DEFAULT 'none'"),
    (file: DatabaseSync) => file.exec("UPDATE accounts SET nickname = 'of ' || user_name"),
  ];
  migrate(database);
  database.exec("INSERT INTO accounts VALUES ('c1', 'ann', 'ann', 'hash', 'client', 1, '')");
  const fails = () => {
    throw new Error('no room');
  };
  expect(() => migrate(database, [...steps, fails])).toThrow('no room');
  expect(database.prepare('SELECT * FROM accounts').get()).not.toHaveProperty('nickname');
  migrate(database, steps);
  migrate(database, steps);
  expect(database.prepare('SELECT nickname FROM accounts').get()).toEqual({ nickname: 'of ann' });
  expect(() => migrate(database)).toThrow(AccountStoreTooNew);
  database.close();
});

test('the version is told without changing anything', async () => {
  expect(readAccountSchemaVersion(path)).toBeNull();
  await open()[Symbol.asyncDispose]();
  expect(readAccountSchemaVersion(path)).toBe(accountSchemaVersion);
});

test("a damaged file, another program's and no file at all are refused by name", async () => {
  await writeFile(
    path,
    'not a database, but longer than the header of one would be, which is a hundred bytes long and more',
  );
  expect(open).toThrow(AccountStoreDamaged);
  expect(() => readAccountSchemaVersion(path)).toThrow(AccountStoreDamaged);
  await rm(path);
  const foreign = new DatabaseSync(path);
  foreign.exec('CREATE TABLE recipes (name TEXT)');
  foreign.close();
  expect(open).toThrow(AccountStoreDamaged);
  expect(() => openSqliteAccountStore({ path: join(folder, 'missing', 'accounts.db'), clock })).toThrow(
    AccountStoreUnavailable,
  );
});

test('flipped bits in the tables are found at the start', async () => {
  {
    await using store = open();
    for (let index = 0; index < 200; index += 1)
      await store.createAccount({ ...ann, clientId: `c${index}`, userName: `ann-${index}` });
  }
  const bytes = readFileSync(path);
  // Every page after the first: the cells' pointers at its head.
  for (let page = 4_096; page < bytes.length; page += 4_096) bytes.fill(0xff, page + 8, page + 40);
  await writeFile(path, bytes);
  expect(open).toThrow(AccountStoreDamaged);
});
