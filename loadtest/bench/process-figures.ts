import { readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second for user space, whatever the kernel's own tick. */
const ticksPerSecond = 100;

/** CPU seconds, user and system, that a process and its threads have used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the command in brackets and may hold spaces: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])];
  return (userTicks + systemTicks) / ticksPerSecond;
}

/** Resident memory now and at its highest, in mebibytes. */
export function memory(pid: number): { readonly residentMib: number; readonly peakMib: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kibibytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { residentMib: kibibytes('VmRSS') / 1024, peakMib: kibibytes('VmHWM') / 1024 };
}
