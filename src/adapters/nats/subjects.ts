/**
 * Who publishes where:
 *
 *   <prefix>.live.<conversation>   pieces of its replies
 *   <prefix>.drafts                requests for drafts; every worker hears them all, and who has some answers
 *   <prefix>.answers.<asker>.<n>   the answers to one request of one process
 *
 * All of a deployment is below its prefix, so one permission (`<prefix>.>`) is enough.
 */

/** What a subject's token may hold here; conversation ids of clients all are so. */
const plainForm = /^[0-9A-Za-z_-]+$/;

/** Ids that may not be a token (`.`, `*`, `>` and white space mean something in subjects) are written as `=` and base64url, which no plain id is. */
export function liveSubject(prefix: string, conversationId: string): string {
  const token = plainForm.test(conversationId)
    ? conversationId
    : `=${Buffer.from(conversationId, 'utf8').toString('base64url')}`;
  return `${prefix}.live.${token}`;
}

export function draftsSubject(prefix: string): string {
  return `${prefix}.drafts`;
}

/** What all answers to one process come to, less its last token. */
export function answersSubject(prefix: string, asker: string): string {
  return `${prefix}.answers.${asker}`;
}
