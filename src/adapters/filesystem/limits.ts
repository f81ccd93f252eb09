/** The numbers of the media folder, each with its unit last in its name and its reason beside it. */

const kibibyte = 1_024;

/** Uploads at once: each holds a file and up to 128 KiB of memory; a disk that is busy with this many gains nothing by more. */
export const maxUploads = 64;

/** Uploads at once of one client, so that no client holds all of them; browsers send six at once to one host. */
export const maxUploadsPerOwner = 8;

/** Downloads at once: each holds a file. Half of the 1,024 files that many systems allow a process. */
export const maxDownloads = 512;

/** An upload must bring `minUploadBytes` in each such time, a download must take something: long enough for a phone in a tunnel. */
export const stallTimeoutMs = 30_000;

/** What an upload must bring in each `stallTimeoutMs`, or be at its end: half a kilobyte per second, slower than any line of today. */
export const minUploadBytes = 16 * kibibyte;

/** A refused client that still sends is listened to for this long: closing at once would reset the connection, and it would never read why. */
export const lingerMs = 2_000;

/** Retry-After when all transfer slots are taken: transfers take seconds. */
export const retryAfterS = 1;

/** The same when there is no room: somebody must make some. */
export const retryAfterFullS = 60;

/** The path and query of a URL of ours: 128 characters of the longest client id are 1,152 when written as octets. */
export const maxTargetChars = 4 * kibibyte;

/**
 * Writes up to this size run on the main thread, not in Node's thread pool: the system only copies them, in 0.1 ms. Covers all upload chunks and most
 * message content.
 */
export const maxWriteAtOnceBytes = 256 * kibibyte;

/** Objects that `list` looks at together, and tells at once. */
export const listBatchObjects = 100;

/** How long browsers may remember the answer to their preflight: it never changes. */
export const preflightMaxAgeS = 3_600;
