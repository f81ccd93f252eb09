import type { Verdict } from '../result.ts';
import type { AuditFigures, Finding, Settings } from '../scenarios/scenario.ts';
import { runToEnd } from '../system/processes.ts';

/** What `parley audit` says of the log; a breach is a finding of it, no error. Rejects when the log cannot be read. */
export async function audit(settings: Settings): Promise<AuditFigures> {
  const { code, output } = await runToEnd('src/main/parley.ts', ['audit', '--json'], settings);
  const line = output.trim().split('\n').at(-1) ?? '';
  if (!line.startsWith('{')) throw new Error(`parley audit ended with ${code}\n${output}`);
  return JSON.parse(line) as AuditFigures;
}

export function verdictOf({ records, breaches, undecodable, messages }: AuditFigures): Verdict {
  const unreadable = undecodable.map((finding) => `cannot be decoded: ${sentence(finding)}`);
  return { audit: { records, breaches: [...breaches.map(sentence), ...unreadable] }, unfinished: messages.pending };
}

function sentence({ topic, partition, offset, what }: Finding): string {
  return `${topic}/${partition} offset ${offset}: ${what}`;
}
