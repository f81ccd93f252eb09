import type { Connection, Refusal } from '../../client/app.ts';
import type { IconName } from '../common/icon.tsx';

/** What the page says about its connection. */
export interface ConnectionWords {
  readonly icon: IconName;
  readonly mood: 'good' | 'busy' | 'bad';
  /** Two or three words, always in sight. */
  readonly short: string;
  /** Over the message box, where there is something to explain. */
  readonly notice?: { readonly title: string; readonly advice: string; readonly act?: string };
}

/** What is said of each state; the seconds until the next try are not among the words, because they change. */
export function connectionWords(connection: Connection): ConnectionWords {
  switch (connection.kind) {
    case 'none':
      return { icon: 'resting', mood: 'busy', short: 'Signed out' };
    case 'connecting':
      return { icon: 'waiting', mood: 'busy', short: 'Connecting…' };
    case 'waiting':
      return waitingWords(connection.place);
    case 'connected':
      return { icon: 'connected', mood: 'good', short: 'Connected' };
    case 'reconnecting':
      return reconnectingWords(connection.offline, connection.because);
    case 'resting':
      return { icon: 'resting', mood: 'busy', short: 'Resting', notice: noticeOf(connection.because, 'Connect') };
    case 'other-tab':
      return { icon: 'tabs', mood: 'busy', short: 'Open in another tab', notice: otherTab };
    case 'elsewhere':
      return { icon: 'tabs', mood: 'busy', short: 'On another device', notice: elsewhere };
    case 'taken-over':
      return { icon: 'tabs', mood: 'busy', short: 'Taken over', notice: takenOver };
    case 'refused':
      return {
        icon: 'trouble',
        mood: 'bad',
        short: 'Not connected',
        notice: noticeOf(connection.refusal, 'Try again'),
      };
    default:
      return connection satisfies never;
  }
}

const otherTab = {
  title: 'This chat is open in another tab.',
  advice: 'You can read here; to write here, move it to this tab.',
  act: 'Use here',
};

const elsewhere = {
  title: 'You are connected on another device.',
  advice: 'If you go on here, the connection there ends; nothing that was said is lost.',
  act: 'End it there, go on here',
};

const takenOver = {
  title: 'This chat goes on in another place.',
  advice: 'It was opened in another tab or on another device.',
  act: 'Take back',
};

function waitingWords(place: number): ConnectionWords {
  const short = place === 1 ? 'Next in line' : `${ordinal(place)} in line`;
  const advice = 'You are let in by yourself as soon as somebody leaves. What you send now goes out then.';
  return {
    icon: 'waiting',
    mood: 'busy',
    short,
    notice: { title: `Every place is taken; you are ${lower(short)}.`, advice },
  };
}

function reconnectingWords(offline: boolean, because: Refusal | undefined): ConnectionWords {
  const advice = 'Nothing is lost: what you send goes out when the connection is back.';
  if (offline)
    return { icon: 'offline', mood: 'bad', short: 'Offline', notice: { title: 'There is no network.', advice } };
  const words = { icon: 'offline', mood: 'bad', short: 'Reconnecting' } as const;
  return because === undefined ? words : { ...words, notice: { title: because.title, advice } };
}

function noticeOf({ title, advice }: Refusal, act: string) {
  return { title, advice, act };
}

function lower(words: string): string {
  return words.charAt(0).toLowerCase() + words.slice(1);
}

const suffixes: Readonly<Record<string, string>> = { one: 'st', two: 'nd', few: 'rd', other: 'th' };
const ordinals = new Intl.PluralRules('en', { type: 'ordinal' });

/** 1st, 2nd, 11th. */
export function ordinal(place: number): string {
  return `${place}${suffixes[ordinals.select(place)] ?? 'th'}`;
}
