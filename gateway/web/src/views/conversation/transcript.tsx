import { useSignalEffect } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { App, Entry } from '../../client/app.ts';
import { Icon } from '../common/icon.tsx';
import { Trouble } from '../common/trouble.tsx';
import { drawnGroup } from './entry-group.tsx';
import { type Following, followEnd } from './following.ts';
import { type Cut, cut, type Group, uncut } from './groups.ts';
import { type Nearness, watchNearness } from './nearness.ts';
import { fetchLayout } from './reply-text.tsx';
import { Welcome } from './welcome.tsx';

/** Older messages are fetched this far before their place is reached. */
const fetchAheadPx = 2_000;

/** Groups at the end that are laid out with the first drawing; they fill any screen. */
const shownAtOnce = 2;

/** The messages, newest at the end. It scrolls by itself only while one is at the end. */
export function Transcript({ app }: { readonly app: App }) {
  const { conversation } = app;
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const watched = useWatched(scroller, list);
  const entries = conversation.entries.value;
  const groups = useGroups(entries);
  useKeptPlace(scroller, list, entries);
  useOlder(app, scroller);
  useEffect(fetchLayout, [conversation.id.value]);
  useOwnWords(entries, watched?.following);
  return (
    <div class="transcript">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard. */}
      <section ref={scroller} class="scroller" aria-label="Messages" tabIndex={0}>
        <Notice app={app} />
        <OlderTrouble app={app} />
        {entries.length === 0 && <Welcome app={app} />}
        <div ref={list} class="entries">
          {watched !== undefined &&
            groups.map((group, index) => {
              const startsNear = index >= groups.length - shownAtOnce;
              return drawnGroup({ app, group, nearness: watched.nearness, startsNear });
            })}
        </div>
      </section>
      <LoadingOlder app={app} />
      {watched !== undefined && <ToNewest entries={entries} following={watched.following} />}
    </div>
  );
}

function useGroups(entries: readonly Entry[]): readonly Group<Entry>[] {
  const last = useRef<Cut<Entry>>(uncut);
  last.current = cut(entries, last.current);
  return last.current.groups;
}

interface Watched {
  readonly following: Following;
  readonly nearness: Nearness;
}

type Ref<T> = { readonly current: T | null };

/** Watches begin when there are elements to watch, so the messages are drawn with the second drawing. */
function useWatched(scroller: Ref<HTMLElement>, list: Ref<HTMLElement>): Watched | undefined {
  const [watched, setWatched] = useState<Watched>();
  useLayoutEffect(() => {
    if (scroller.current === null || list.current === null) return;
    const following = followEnd(scroller.current, list.current);
    const nearness = watchNearness(scroller.current);
    setWatched({ following, nearness });
    return () => {
      following.end();
      nearness.end();
    };
  }, []);
  return watched;
}

/**
 * What is read stays where it is when older messages are put above it. Browsers do that by themselves, but not all, and none when it is
 * scrolled to the very top.
 */
function useKeptPlace(scroller: Ref<HTMLElement>, list: Ref<HTMLElement>, entries: readonly Entry[]): void {
  const firstKey = entries[0]?.key;
  const before = useRef<{ readonly firstKey: string | undefined }>({ firstKey });
  const first = before.current.firstKey === firstKey ? null : (list.current?.querySelector('article') ?? null);
  const topBefore = first?.getBoundingClientRect().top ?? 0;
  before.current = { firstKey };
  useLayoutEffect(() => {
    if (first === null || scroller.current === null || !first.isConnected) return;
    const moved = first.getBoundingClientRect().top - topBefore;
    if (moved !== 0) scroller.current.scrollTop += moved;
  }, [firstKey]);
}

/** Fetches older messages as their place comes near. After one failure it waits to be asked. */
function useOlder(app: App, scroller: Ref<HTMLElement>): void {
  const { conversation } = app;
  const fetchIfNear = () => {
    const isIdle = !conversation.isLoadingOlder.value && conversation.trouble.value === undefined;
    if (!conversation.hasOlder.value || !isIdle || scroller.current === null) return;
    if (scroller.current.scrollTop < fetchAheadPx) void conversation.loadOlder();
  };
  useSignalEffect(() => {
    // Drawn first: how much is above decides.
    if (conversation.entries.value.length === 0) return;
    const isWanted = conversation.hasOlder.value && !conversation.isLoadingOlder.value;
    const frame = isWanted ? requestAnimationFrame(fetchIfNear) : 0;
    return () => cancelAnimationFrame(frame);
  });
  useEffect(() => {
    const element = scroller.current;
    element?.addEventListener('scroll', fetchIfNear, { passive: true });
    return () => element?.removeEventListener('scroll', fetchIfNear);
  }, []);
}

/** Who says something wants to see it, wherever they were. */
function useOwnWords(entries: readonly Entry[], following: Following | undefined): void {
  const last = entries.at(-1);
  useLayoutEffect(() => {
    if (last?.message.peek().status === 'sending') following?.toEnd();
  }, [last?.key]);
  const firstKey = entries[0]?.key;
  const lastKey = last?.key;
  const shown = useRef<{ readonly firstKey?: string; readonly lastKey?: string }>({});
  useLayoutEffect(() => {
    // Neither end is what it was: another conversation.
    if (shown.current.firstKey !== firstKey && shown.current.lastKey !== lastKey) following?.toEnd();
    shown.current = { firstKey, lastKey };
  }, [firstKey, lastKey]);
}

function Notice({ app }: { readonly app: App }) {
  const { conversation } = app;
  const notice = conversation.notice.value;
  if (notice === undefined) return null;
  return (
    <div class="older">
      <Trouble refusal={notice} onDismiss={() => conversation.dismissNotice()} />
    </div>
  );
}

function OlderTrouble({ app }: { readonly app: App }) {
  const { conversation } = app;
  const trouble = conversation.trouble.value;
  if (trouble === undefined) return null;
  return (
    <div class="older">
      <Trouble refusal={trouble} />
      {trouble.retryable && (
        <button type="button" class="plain" onClick={() => void conversation.loadOlder()}>
          Load older messages
        </button>
      )}
    </div>
  );
}

/** Over the messages, not among them: its coming and going moves nothing. */
function LoadingOlder({ app }: { readonly app: App }) {
  const { isLoadingOlder, entries } = app.conversation;
  if (!isLoadingOlder.value || entries.value.length === 0) return null;
  return <p class="loading-older">Loading older messages…</p>;
}

interface ToNewestProps {
  readonly entries: readonly Entry[];
  readonly following: Following;
}

/** Down to the newest, with how many came since one scrolled up. */
function ToNewest({ entries, following }: ToNewestProps) {
  const lastSeenKey = useRef<string>(undefined);
  const isAtEnd = following.isAtEnd.value;
  if (isAtEnd) {
    lastSeenKey.current = entries.at(-1)?.key;
    return null;
  }
  const newCount = entries.length - 1 - entries.findLastIndex(({ key }) => key === lastSeenKey.current);
  const words = newCount === 1 ? '1 new message' : `${newCount} new messages`;
  return (
    <button type="button" class="to-newest" onClick={() => following.toEnd()}>
      <Icon name="down" />
      <span>{newCount === 0 ? 'Newest message' : words}</span>
    </button>
  );
}
