/**
 * What is where in the bucket:
 *
 *   <prefix>/<yyyy-mm-dd>/<id>   an object; it was found to be what it is described by before it came here, and no URL writes here
 *   <prefix>/incoming/<id>       what a client has PUT, until it is looked at
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

/** The id of the object that is at this key; undefined for all other keys. */
export function mediaIdOf(prefix: string, key: string): string | undefined {
  const mediaId = key.slice(key.lastIndexOf('/') + 1);
  return objectKey(prefix, mediaId) === key ? mediaId : undefined;
}
