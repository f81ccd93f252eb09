/** The numbers of the media store on S3, each with its unit last in its name and its reason beside it. */

const kibibyte = 1_024;
const mebibyte = 1_024 * kibibyte;
const gibibyte = 1_024 * mebibyte;

/** An operation in which S3 has done nothing for so long fails: below the 5 s within which a client is told that media are unavailable. */
export const stallTimeoutMs = 4_000;

/** What S3 is allowed on top for bytes that it takes or copies in one request: slower than any disk or network between servers. */
export const leastBytesPerS = 8 * mebibyte;

/** A host that does not answer at all is noticed sooner, so that the second attempt is still within `stallTimeoutMs`. */
export const connectTimeoutMs = 1_500;

/** Attempts at a request: the second is for a kept connection that S3 has closed meanwhile; who asks us will ask again anyway. */
export const maxAttempts = 2;

/** Connections at once: `listBatchObjects` looks at once, and room for readers. */
export const maxSockets = 100;

/** Objects that `list` looks at together, and tells at once. */
export const listBatchObjects = 50;

/** Descriptions that `list` remembers, some 500 bytes each: the next look of the sweeper then asks S3 for pages only. */
export const maxKnownObjects = 20_000;

/** Refused uploads remembered, so that clients cannot make the store read the same wrong bytes repeatedly. */
export const maxRefusedUploads = 1_000;

/** Looks at an upload that changes at each: each further one means that its client has PUT it once more in that moment. */
export const maxLooks = 3;

/** The longest that a pre-signed URL may live: 7 days, says S3. */
export const maxUrlLifetimeS = 7 * 24 * 3_600;

/** The largest object of one PUT, and of one copy, says S3. */
export const maxObjectBytes = 5 * gibibyte;

/** How long browsers may remember the answer to their preflight: it hardly ever changes. */
export const preflightMaxAgeS = 3_600;
