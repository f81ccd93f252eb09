import { render } from 'preact';
import type { App } from '../client/app.ts';
import '../styles/base.css';
import '../styles/shell.css';
import '../styles/sidebar.css';
import '../styles/transcript.css';
import '../styles/prose.css';
import '../styles/composer.css';
import '../styles/sign-in.css';
// Before anything is drawn: it has the colours that were chosen.
import './common/theme.ts';
import { zone } from './common/times.ts';
import { followAddress } from './navigation/navigation.ts';
import { Shell } from './shell/shell.tsx';

/** Draws the page into an element, for as long as the page is there. */
export function show(app: App, into: Element): void {
  app.settings.timeZone.subscribe((timeZone) => {
    zone.value = timeZone;
  });
  render(<Shell app={app} navigation={followAddress(app)} />, into);
}
