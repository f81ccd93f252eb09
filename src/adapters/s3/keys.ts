/**
 * What is where in the bucket:
 *
 *   <prefix>/<yyyy-mm-dd>/<id>   an object; it was found to be what it is described by before it came here, and no URL writes here
 *   <prefix>/incoming/<id>       what a client has PUT, until it is looked at
 *   <prefix>/kept/<owner>/<id>.<bytes>       empty: this object is the owner's (ledger.ts)
 *   <prefix>/reserved/<owner>/<id>.<bytes>   empty: this upload may still come
 *   <prefix>/kept/all                        empty: every object is entered there
 *
 * What each is, is in its metadata (description.ts).
 */
import { mediaDay } from '../../domain/media/media-id.ts';

/** Where an object is; undefined for what is not a media id. */
export function objectKey(prefix: string, mediaId: string): string | undefined {
  const day = mediaDay(mediaId);
  return day === undefined ? undefined : `${prefix}/${day}/${mediaId}`;
}

/** Where an upload goes. To be asked for media ids only. */
export function incomingKey(prefix: string, mediaId: string): string {
  return `${incomingFolder(prefix)}${mediaId}`;
}

/** What the keys of all uploads begin with. */
export function incomingFolder(prefix: string): string {
  return `${prefix}/incoming/`;
}

/** What the keys of all entries of the ledger of one kind begin with. */
export function ledgerFolder(prefix: string, kind: 'kept' | 'reserved'): string {
  return `${prefix}/${kind}/`;
}

/** Where it says that every object is entered. No owner's folder is called so. */
export function ledgerMarkerKey(prefix: string): string {
  return `${ledgerFolder(prefix, 'kept')}all`;
}

/** The id of the object that is at this key; undefined for all other keys. */
export function mediaIdOf(prefix: string, key: string): string | undefined {
  const mediaId = key.slice(key.lastIndexOf('/') + 1);
  return objectKey(prefix, mediaId) === key ? mediaId : undefined;
}

/** The id of what is uploaded to this key; undefined for all other keys. */
export function mediaIdOfUpload(prefix: string, key: string): string | undefined {
  const folder = incomingFolder(prefix);
  const mediaId = key.slice(folder.length);
  return key.startsWith(folder) && mediaDay(mediaId) !== undefined ? mediaId : undefined;
}
