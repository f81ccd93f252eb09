import { readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second for user space, whatever the kernel's own tick. */
const ticksPerSecond = 100;

/** What one process used while something was measured. */
export interface ProcessFigures {
  /** User and system, its threads included, for a thousand of what was measured. */
  readonly cpuSecondsPer1000: number;
  readonly residentMib: number;
  readonly peakMib: number;
}

/** Of each process, by its name. */
export type ProcessesFigures = Readonly<Record<string, ProcessFigures>>;

/** The processes that are watched while something is measured, by name. */
export type Pids = Readonly<Record<string, number>>;

/** One that is watched. */
export interface Watched {
  readonly pid: number;
  /** User and system, up to now. */
  readonly cpuSeconds: number;
}

/** Processes that stay what they are. */
export function processesOf(pids: Pids): Readonly<Record<string, Watched>> {
  const watched = (pid: number): Watched => ({
    pid,
    get cpuSeconds() {
      return cpuSeconds(pid);
    },
  });
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, watched(pid)]));
}

/** Notes what the processes have used so far; the function that it returns tells what they used since, for so many thousands. */
export function watchProcesses(processes: Readonly<Record<string, Watched>>): (thousands: number) => ProcessesFigures {
  const before = Object.entries(processes).map(([name, one]) => ({ name, one, usedSeconds: one.cpuSeconds }));
  return (thousands) =>
    Object.fromEntries(
      before.map(({ name, one, usedSeconds }) => [
        name,
        { cpuSecondsPer1000: (one.cpuSeconds - usedSeconds) / thousands, ...memory(one.pid) },
      ]),
    );
}

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
