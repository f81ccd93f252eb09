import type { VNode } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { App, Entry } from '../../client/app.ts';
import { beginsDay } from '../common/times.ts';
import { EntryRow } from './entry-row.tsx';
import { expectedHeightPx } from './expected-height.ts';
import type { Group } from './groups.ts';
import type { Nearness } from './nearness.ts';

interface EntryGroupProps {
  readonly app: App;
  readonly group: Group<Entry>;
  readonly nearness: Nearness;
  /** It is about to be seen. */
  readonly startsNear: boolean;
}

/**
 * Some messages that are laid out together. Far from what is seen they are only their words, and the browser skips them: so a conversation
 * of thousands is there at once. A group that was near stays as it is.
 */
export function EntryGroup({ app, group, nearness, startsNear }: EntryGroupProps) {
  const element = useRef<HTMLDivElement>(null);
  const [isNear, setNear] = useState(startsNear);
  useLayoutEffect(() => {
    if (element.current === null || isNear) return;
    const height = group.members.reduce((sum, { message }) => sum + expectedHeightPx(message.peek()), 0);
    element.current.style.setProperty('--expected-height', `${height}px`);
    return nearness.whenNear(element.current, () => setNear(true));
  }, [nearness]);
  return (
    <div class="group" ref={element}>
      {group.members.map((entry, index) => {
        const before = index === 0 ? group.previous : group.members[index - 1];
        const isNewDay = beginsDay(before?.message.peek().at, entry.message.peek().at);
        return <EntryRow key={entry.key} app={app} entry={entry} beginsDay={isNewDay} isNear={isNear} />;
      })}
    </div>
  );
}

const drawn = new WeakMap<Group<Entry>, VNode>();

/** The same group gives the same node, at which the drawing stops comparing: one more message costs what its group costs. */
export function drawnGroup(props: EntryGroupProps): VNode {
  const known = drawn.get(props.group);
  if (known !== undefined) return known;
  const node = <EntryGroup key={props.group.key} {...props} />;
  drawn.set(props.group, node);
  return node;
}
