import { setTimeout as sleep } from 'node:timers/promises';
import { type Percentiles, percentiles } from '../system/percentiles.ts';

/** What an engine does alone, without Parley: messages sent and heard again, so many under way at once. */
export interface BareFigures {
  readonly roundTripMs: Percentiles;
  readonly messagesPerSecond: number;
  /** Of the one process that sends and hears. */
  readonly clientCpuSecondsPer1000: number;
}

/** One of those that wait for their own message to come back. */
export interface Returning {
  /** Sends a message of this number. */
  send(index: number): void;
  /** Is set to what is to be called when it has come back. */
  onReturn: (index: number) => void;
}

/**
 * So many messages under way at once, each sent again as soon as it has come back. `used`: what `watch`, called when the measurement begins, returns
 * at its end for so many thousands of messages.
 */
export async function bareLoop<Used>(
  path: Returning,
  atOnce: number,
  warmUpMs: number,
  measureMs: number,
  watch: () => (thousands: number) => Used = () => () => undefined as Used,
): Promise<BareFigures & { readonly used: Used }> {
  const times: number[] = [];
  const sentAt = Array.from({ length: atOnce }, () => performance.now());
  let measuring = false;
  path.onReturn = (index) => {
    const now = performance.now();
    if (measuring) times.push(now - (sentAt[index] ?? now));
    sentAt[index] = now;
    path.send(index);
  };
  for (const index of sentAt.keys()) path.send(index);
  await sleep(warmUpMs);
  const [usedSince, cpuBefore, begun] = [watch(), process.cpuUsage(), performance.now()];
  measuring = true;
  await sleep(measureMs);
  measuring = false;
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const used = usedSince(times.length / 1000);
  path.onReturn = () => {};
  return {
    used,
    roundTripMs: percentiles(times),
    messagesPerSecond: times.length / seconds,
    clientCpuSecondsPer1000: (user + system) / 1000 / times.length,
  };
}
