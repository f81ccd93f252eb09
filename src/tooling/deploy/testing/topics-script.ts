import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const topicsScript = fileURLToPath(new URL('../../../../deploy/kafka/create-topics.sh', import.meta.url));

/** What kafka-topics.sh would make. */
export interface AskedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** `name=value`, in order of names. */
  readonly settings: readonly string[];
  /** All that it was called with. */
  readonly words: readonly string[];
}

/** What create-topics.sh asks kafka-topics.sh for, which is not among Kafka's packages here: a script that writes its arguments down stands for it. */
export function askedTopics(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): readonly AskedTopic[] {
  const folder = mkdtempSync(join(tmpdir(), 'parley-topics-'));
  try {
    const calls = join(folder, 'calls');
    const stand = `#!/bin/sh\nfor word; do printf '%s ' "$word"; done >>${calls}\necho >>${calls}\n`;
    writeFileSync(join(folder, 'kafka-topics.sh'), stand, { mode: 0o755 });
    const path = `${folder}:/usr/local/bin:/usr/bin:/bin`;
    execFileSync(topicsScript, ['broker:9092', ...args], { env: { ...env, PATH: path } });
    return readFileSync(calls, 'utf8').trim().split('\n').map(topicOf);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function topicOf(line: string): AskedTopic {
  const words = line.trim().split(' ');
  return {
    name: wordsAfter(words, '--topic')[0] ?? '',
    partitions: Number(wordsAfter(words, '--partitions')[0]),
    replicationFactor: Number(wordsAfter(words, '--replication-factor')[0]),
    settings: wordsAfter(words, '--config').sort(),
    words,
  };
}

/** The word that follows the option, each time that it is there. */
export function wordsAfter(words: readonly string[], option: string): string[] {
  return words.filter((_, index) => words[index - 1] === option);
}
