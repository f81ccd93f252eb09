import { isDeepStrictEqual } from 'node:util';
import { type AuditReport, auditLog } from '../app/audit/audit.ts';
import type { RecordDifference } from '../app/copying/compare-logs.ts';
import { copyAccounts } from '../app/copying/copy-accounts.ts';
import { compareLogs, copyPositions, copyRecords, findBeginning } from '../app/copying/copy-log.ts';
import { type Copied, copyMedia } from '../app/copying/copy-media.ts';
import { endsOf, placesOf, sumOf } from '../app/copying/places.ts';
import type { Journal } from '../app/journal.ts';
import type { Config } from '../config/config.ts';
import { loadEnvironment } from '../config/environment.ts';
import { LogUnavailable } from '../ports/event-log.ts';
import type { CopySource } from './copy-source.ts';
import type { CopyTarget } from './copy-target.ts';
import { progressBar } from './progress-bar.ts';

/** The command copies into the distributed profile, and that is not configured. */
class DistributedOnly extends Error {
  override readonly name = 'DistributedOnly';
}

/** What the copy was made of could not be reached in the middle. */
class CopyInterrupted extends Error {
  override readonly name = 'CopyInterrupted';
}

/**
 * Copies what the data folder holds (PARLEY_DATA_DIR, its server stopped) to the configured distributed deployment: log, positions, media and
 * accounts. Every record keeps its offset and time, so that what clients know stays right. Whatever interrupts it, the next run goes on;
 * until it has ended well, no server starts there. Exit code 1 at any difference that is found afterwards. Rejects with DataDirLocked,
 * LogNotFound, OtherLog, NotThisLog, TopicMisconfigured or CopyInterrupted.
 */
export async function copyLog(): Promise<void> {
  const config = loadEnvironment();
  if (config.profile !== 'distributed') {
    throw new DistributedOnly(
      'parley copy-log copies the data folder to a distributed deployment: set PARLEY_PROFILE=distributed and where its parts are (docs/configuration.md)',
    );
  }
  const { openCopySource } = await import('./copy-source.ts');
  const { openCopyTarget } = await import('./copy-target.ts');
  await using source = await openCopySource(config);
  await using target = await openCopyTarget(config);
  say(`${config.dataDir} is copied to ${target.place}`);
  try {
    await copy(config, source, target);
  } catch (error) {
    if (!isPassing(error)) throw error;
    throw new CopyInterrupted(`${error.message}. Nothing is lost: run it again, and it goes on where it stopped.`, {
      cause: error,
    });
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Stores that are away say of their errors that they may pass. */
function isPassing(error: unknown): error is Error {
  return (
    error instanceof LogUnavailable || (error instanceof Error && 'retryable' in error && error.retryable === true)
  );
}

async function copy(config: Config, source: CopySource, target: CopyTarget): Promise<void> {
  const isNew = await copyEvents(config, source, target);
  const differences = [...(await copyObjects(source, target)), ...(await verify(source, target))];
  for (const difference of differences) say(`DIFFERENT  ${difference}`);
  if (differences.length > 0) {
    process.exitCode = 1;
    return say(isNew ? 'The copy is not the same; no server starts on it.' : 'The copy is not the same.');
  }
  if (isNew) await target.openToServers();
  say('The copy is the same, and servers can start on it. Leave the data folder as it is until you trust them.');
}

/** Resolves to whether anything was left to do. */
async function copyEvents({ prefix }: Config, source: CopySource, target: CopyTarget): Promise<boolean> {
  const logs = { source: source.journal, target: target.journal.log };
  const before = await findBeginning({ ...logs, onProgress: progressBar('comparing what is there') });
  const inAll = sumOf(await endsOf(source.journal.log, placesOf(source.journal)));
  const there = sumOf(before);
  if (there === inAll && (await target.isOpenToServers())) {
    say(`log        all ${inAll} records were there already`);
    return false;
  }
  await target.closeToServers();
  await copyRecords({ ...logs, onProgress: progressBar('copying records') }, target.journal.log, before);
  say(`log        ${inAll} records, ${there} of them were there already`);
  const positions = await copyPositions(logs, `${prefix}.workers`);
  say(`positions  of ${positions} partitions`);
  return true;
}

/** Media and accounts. Resolves to what is not the same. */
async function copyObjects(source: CopySource, target: CopyTarget): Promise<readonly string[]> {
  const none: Copied = { inAll: 0, before: 0, differences: [] };
  const media = source.media ? await copyMedia(source.media, target.media, progressBar('copying media')) : none;
  say(`media      ${media.inAll}, ${media.before} of them were there already`);
  const accounts = source.accounts ? await copyAccounts(source.accounts, target.accounts) : none;
  const signIn = accounts.inAll > 0 ? '; sign-ins and signing keys are not copied: people sign in again' : '';
  say(`accounts   ${accounts.inAll}, ${accounts.before} of them were there already${signIn}`);
  return [...media.differences, ...accounts.differences];
}

/** Reads both logs again from the first record to the last. Resolves to what is not the same. */
async function verify(source: CopySource, target: CopyTarget): Promise<readonly string[]> {
  const copied = await target.reread();
  await using _log = copied.log;
  const compared = { source: source.journal, target: copied.log, onProgress: progressBar('comparing both logs') };
  const differences = (await compareLogs(compared)).map(describe);
  const ours = await audit(source.journal, 'auditing the data folder');
  const theirs = await audit(copied, 'auditing the copy');
  const areEqual = isDeepStrictEqual(ours, theirs);
  const { records, breaches, messages, connections } = theirs;
  say(
    `audit      ${records} records, ${messages.accepted} messages, ${connections.opened} sessions on both sides: ${areEqual ? 'equal' : 'DIFFERENT'}`,
  );
  if (breaches.length > 0)
    say(`           ${breaches.length} breaches, as in the data folder (parley audit shows them)`);
  return areEqual ? differences : [...differences, `audits: ${JSON.stringify(ours)} and ${JSON.stringify(theirs)}`];
}

function audit(journal: Journal, label: string): Promise<AuditReport> {
  return auditLog({ journal, onProgress: progressBar(label) });
}

function describe({ topic, partition, offset, what }: RecordDifference): string {
  return `${topic}/${partition} offset ${offset}: ${what}`;
}
