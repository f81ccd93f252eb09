import { chmodSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { lockFile } from '../adapters/sqlite/event-log/data-folder.ts';
import { logFolder } from '../adapters/sqlite/event-log/schema.ts';
import type { Logger } from '../ports/telemetry.ts';
import { accountsPath, mediaFolder, readModelsPath } from './data-folder.ts';

/** Permissions of group and others. */
const ofOthers = 0o077;
const permissionBits = 0o777;

/** Paths that the warning names; the rest are counted. */
const maxNamedPaths = 10;

/**
 * Takes the permissions of group and others from a data folder and from Parley's own files in it, and logs one warning if there were any. What else is
 * in the folder is left alone, and links are not followed. What another user owns cannot be changed: the warning names it, and the server starts.
 */
export function restrictDataFolder(dataDir: string, logger: Pick<Logger, 'warn'>): void {
  const changed: string[] = [];
  const failed: string[] = [];
  for (const { path, mode } of openToOthers(dataDir)) {
    try {
      chmodSync(path, mode & ~ofOthers);
      changed.push(`${path} (was ${octal(mode)})`);
    } catch (error) {
      failed.push(`${path} (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
    }
  }
  if (changed.length + failed.length === 0) return;
  logger.warn(
    { dataDir, ...named('changed', changed), ...named('failed', failed) },
    'the data folder was open to other users of this machine; permissions of group and others were removed',
  );
}

interface OpenPath {
  readonly path: string;
  readonly mode: number;
}

/**
 * A folder that was private already has been looked after: nobody else could reach the files in it. Then the many files of media, which every release
 * has made private, are not read at each start.
 */
function openToOthers(dataDir: string): readonly OpenPath[] {
  const mode = statSync(dataDir, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) return [];
  const isOpen = (mode & ofOthers) !== 0;
  const log = logFolder(dataDir);
  const folders = [log, `${log}.new`, ...(isOpen ? [mediaFolder(dataDir)] : [])];
  const paths = [...filesOf(dataDir), ...folders.flatMap((folder) => [folder, ...pathsIn(folder)])];
  return [...(isOpen ? [{ path: dataDir, mode }] : []), ...paths.flatMap(openPath)];
}

/** Those that are not in a folder of their own, with what SQLite puts beside a database. */
function filesOf(dataDir: string): readonly string[] {
  const own = [lockFile(''), accountsPath(''), readModelsPath('')];
  const names = readdirSync(dataDir).filter((name) => own.some((prefix) => name.startsWith(prefix)));
  return names.map((name) => join(dataDir, name));
}

function pathsIn(folder: string): readonly string[] {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}

function openPath(path: string): readonly OpenPath[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSymbolicLink() || (found.mode & ofOthers) === 0) return [];
  return [{ path, mode: found.mode }];
}

function named(what: 'changed' | 'failed', paths: readonly string[]): Readonly<Record<string, unknown>> {
  if (paths.length === 0) return {};
  const rest = paths.length - maxNamedPaths;
  return { [what]: rest > 0 ? [...paths.slice(0, maxNamedPaths), `and ${rest} more`] : paths };
}

function octal(mode: number): string {
  return (mode & permissionBits).toString(8).padStart(4, '0');
}
