import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CopiedMedia, copyMediaFolder } from '../adapters/filesystem/copy-media-folder.ts';
import { copyAccountFile } from '../adapters/sqlite/account-store/account-file.ts';
import { AccountStoreDamaged } from '../ports/account-store.ts';
import { accountsPath, mediaFolder } from './data-folder.ts';
import { progressBar } from './progress-bar.ts';

/** Copies the media of a data folder, if there are any; see `copyMediaFolder`. Paths are those in the data folder. */
export async function copyMediaOf(fromDir: string, toDir: string): Promise<CopiedMedia> {
  if (!existsSync(mediaFolder(fromDir))) return { objects: 0, missing: [] };
  const copied = await copyMediaFolder(mediaFolder(fromDir), mediaFolder(toDir), progressBar('copying media'));
  return { ...copied, missing: copied.missing.map((line) => `media/${line}`) };
}

/** Copies the accounts of a data folder, if there are any. Returns whether there are. Rejects with AccountStoreDamaged. */
export async function copyAccountsOf(fromDir: string, toDir: string): Promise<boolean> {
  if (!existsSync(accountsPath(fromDir))) return false;
  await copyAccountFile(accountsPath(fromDir), accountsPath(toDir));
  return true;
}

/** What `copyAccountsOf` does; a damaged file is copied as it is. Returns what is wrong with it, if anything. */
export async function salvageAccountsOf(fromDir: string, toDir: string): Promise<string | undefined> {
  try {
    await copyAccountsOf(fromDir, toDir);
    return undefined;
  } catch (error) {
    if (!(error instanceof AccountStoreDamaged)) throw error;
    for (const path of ['', '-wal'].map((suffix) => `${accountsPath('')}${suffix}`))
      if (existsSync(join(fromDir, path))) copyFileSync(join(fromDir, path), join(toDir, path));
    return `accounts.db is damaged, and copied as it is: ${error.message}`;
  }
}
