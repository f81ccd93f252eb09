import type { PutBlob } from '../../../../src/client/uploads.ts';

/** What the client needs of the page that it runs in: a browser's, or a test's. */
export interface Page {
  /** Where the server is, without a slash at its end. */
  readonly apiUrl: string;
  /** For all tabs, until it is removed. */
  readonly store: Storage;
  /** For this tab, across reloads. */
  readonly tabStore: Storage;
  /** It came by https, or from this machine: from others browsers keep locks, hashes and the microphone. */
  readonly isSecure: boolean;
  /** Only there where `isSecure`. */
  readonly locks: LockManager;
  /** IANA name. */
  readonly timeZone: string;
  /** False when the browser knows that there is no network. */
  isOnline(): boolean;
  readonly put: PutBlob;
  /** Whether the file is a picture, whatever its name says. */
  canShow(file: Blob): Promise<boolean>;
  /** Calls back when the network has gone or come, or somebody looks at the page again. Returns how to end that. */
  onChange(listener: () => void): () => void;
  /** Calls back when another tab has changed what is stored. Returns how to end that. */
  onStored(listener: (key: string | null) => void): () => void;
  /** In [0, 1). */
  random(): number;
  /** The page's own address. */
  url(): string;
  /** Changes it in place, without a load. */
  replaceUrl(url: string): void;
  /** Loads another page. */
  leaveFor(url: string): void;
}
