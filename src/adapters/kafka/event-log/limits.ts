/** The numbers of the log on Kafka, each with its unit last in its name and its reason beside it. */

const kibibyte = 1_024;
const mebibyte = 1_024 * kibibyte;

/** A broker on the network accepts a connection within milliseconds; one that does not is not there. */
export const connectTimeoutMs = 2_000;

/** Request timeout, so that nothing hangs on a stopped broker: then another connection is tried. */
export const requestTimeoutMs = 5_000;

/** A question that any broker can answer is put to another one after this long: ten times what a busy broker takes. */
export const hedgeMs = 1_000;

/** The brokers must have been reached within this time when the log is opened. */
export const openTimeoutMs = 10_000;

/** Timeout of an append: the longest that a client may wait for a response (LOG_UNAVAILABLE makes it retry). */
export const appendTimeoutMs = 5_000;

/** How long a broker waits for its replicas before it answers: a little less than we wait for the broker. */
export const replicationTimeoutMs = 4_000;

/**
 * The waits between attempts while brokers are away: half as long again each time, up to the longest, within which their return is noticed. An
 * append, a fetch and a membership wait one after the other, so that a long one is paid several times; an attempt that is refused costs a fraction of a millisecond.
 */
export const retryFirstMs = 100;
export const retryLongestMs = 250;

/** A deposed leader learns of it within this time: the end that a leader reports is accepted when it reports it twice, this far apart. */
export const suspectEndMs = 1_000;

/** One record batch: topics are made with `max.message.bytes` of 8 MiB, of which headers and lengths need a little. */
export const maxBatchBytes = 7.5 * mebibyte;

/** Bytes of one request: brokers accept 100 MiB, but the next request waits for it, and its encoding blocks the process. */
export const maxRequestBytes = 16 * mebibyte;

/** Bytes that wait to be sent; beyond, appends are refused rather than heaped up. */
export const maxQueuedBytes = 64 * mebibyte;

/** A broker holds a fetch so long when it has nothing new. It is also how long a tail that ends may keep its connection busy. */
export const longPollMs = 100;

/** A fetch for partitions that joined while a long one waits: what they would wait longer for at most. */
export const shortPollMs = 5;

/** Who is in no hurry lets so long gather what comes, between two fetches: one costs as much as many records, in the broker too. */
export const patientFetchMs = 20;

/**
 * Linger: under load the next request to a broker, and the next fetch, starts this long after the last response: a request costs the broker and the
 * client as much as many records, and about as many arrive in this time. Load means that the last one carried this many; without it nothing lingers, nor
 * when requests fill up by themselves.
 */
export const lingerMs = 3;
export const lingerCalls = 4;
export const lingerBytes = 2 * kibibyte;
export const crowdCalls = 64;

/** What one fetch returns of a partition, and in all: about a millisecond's decoding each; a larger batch comes whole nevertheless. */
export const maxFetchPartitionBytes = 256 * kibibyte;
export const maxFetchBytes = 1 * mebibyte;

/** What a tail holds for its reader; its partition is fetched no further while it has as much. */
export const maxTailQueueBytes = 1 * mebibyte;
export const maxTailQueueRecords = 2_048;

/** Records that a tail yields at once. */
export const maxTailRecords = 512;

/** A page that is read goes by this size of a record; if they are larger, it takes another request. */
export const expectedRecordBytes = 2 * kibibyte;

/** What this process has appended to each partition that it tails, and not read back, so that it need not decrypt and decode it. */
export const maxOwnRecords = 1_024;
export const maxOwnBytes = 1 * mebibyte;

/** Positions are gathered and committed together: a lost one costs only refolding. */
export const commitIntervalMs = 200;

/** Keys of conversations that are written to: an older one gets another key when somebody speaks there again. */
export const maxCurrentKeys = 10_000;

/** Keys that were just used, ready for OpenSSL: making one so takes as long as decrypting a short text. */
export const maxSecrets = 500;

/** Destroyed keys that are remembered as such; others are looked for again, at the cost of one question. */
export const maxKnownGone = 100_000;

/** Keys destroyed by one append, far below what a batch can hold. */
export const maxTombstones = 5_000;
