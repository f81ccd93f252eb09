import { textOf, withToken } from './black-box-client.ts';
import type { CheckingClient, Said } from './checking-client.ts';
import { CallRefused, call, clientOf, type Dynamic, hangUp } from './contract.ts';
import { mediaIn } from './sayings.ts';
import { eventually } from './test-sessions.ts';

const pageSize = 200;
const final = new Set(['MESSAGE_STATUS_COMPLETED', 'MESSAGE_STATUS_STOPPED', 'MESSAGE_STATUS_FAILED']);

/** Every message of a conversation, as history tells it to whoever has this token; none while history does not know of it. */
export function wholeConversation(address: string, conversationId: string, accessToken?: string): Promise<Dynamic[]> {
  return messagesOf({ address, conversationId, accessToken }, { newestFirst: false, enough: () => false });
}

/** Those of this sequence and after it, and perhaps some before. */
async function messagesSince(where: HistoryOf, sequence: number): Promise<Dynamic[]> {
  const enough = (oldest: Dynamic) => oldest.sequence < sequence;
  return (await messagesOf(where, { newestFirst: true, enough })).reverse();
}

interface HistoryOf {
  readonly address: string;
  readonly conversationId: string;
  readonly accessToken: string | undefined;
}

/** Page by page, until there are no more, or the last of a page is enough. */
async function messagesOf(
  { address, conversationId, accessToken }: HistoryOf,
  { newestFirst, enough }: { readonly newestFirst: boolean; readonly enough: (last: Dynamic) => boolean },
): Promise<Dynamic[]> {
  const history = clientOf('chat.v1.HistoryService', address);
  const all: Dynamic[] = [];
  try {
    let pageToken = '';
    do {
      const request = { conversationId, pageSize, pageToken, newestFirst };
      const page = await call(history, 'ListMessages', request, undefined, withToken(accessToken));
      all.push(...page.messages);
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && !enough(all.at(-1)));
    return all;
  } catch (error) {
    // History follows the log: of a conversation that has just begun it knows nothing yet.
    if (error instanceof CallRefused && error.reason === 'NOT_FOUND') return [];
    throw error;
  } finally {
    hangUp(history);
  }
}

/** Messages without what is new at each read: the URLs of their media, and when those end. */
export function withoutLinks(messages: readonly Dynamic[]): Dynamic[] {
  const plain = (part: Dynamic) =>
    part.value === 'media' ? { ...part, media: { ...part.media, url: '', urlExpireTime: null } } : part;
  return messages.map((message) => ({ ...message, parts: message.parts.map(plain) }));
}

/**
 * What is wrong with history (O1, O2, O3); empty when nothing is. While clients go on talking, `settled` names what must be settled of what
 * they were told was accepted, and history is looked at only as far back as that.
 */
export async function historyBreaches(
  address: string,
  checkingClients: readonly CheckingClient[],
  settled?: ReadonlySet<Said>,
): Promise<string[]> {
  const breaches = checkingClients.flatMap((checkingClient) => checkingClient.breaches);
  for (const checkingClient of checkingClients) {
    const accepted = checkingClient.accepted.filter((said) => settled?.has(said) ?? true);
    const { accessToken } = checkingClient;
    for (const [conversationId, there] of Map.groupBy(accepted, (said) => said.accepted.conversationId as string)) {
      const messages =
        settled === undefined
          ? await wholeConversation(address, conversationId, accessToken)
          : await messagesSince({ address, conversationId, accessToken }, there[0]?.accepted.sequence);
      const isWhole = settled === undefined;
      breaches.push(...conversationBreaches({ checkingClient, conversationId, isWhole }, there, messages));
    }
  }
  return breaches;
}

/** Waits until history holds all of it and breaks nothing: it follows the log, and whoever has a reply may ask before it is there. */
export async function historyHolds(
  address: string,
  checkingClients: readonly CheckingClient[],
  { settled, timeoutMs = 60_000 }: { readonly settled?: ReadonlySet<Said>; readonly timeoutMs?: number } = {},
): Promise<void> {
  await eventually(
    () => historyBreaches(address, checkingClients, settled),
    (breaches) => breaches.length === 0,
    timeoutMs,
  );
}

function conversationBreaches(
  {
    checkingClient,
    conversationId,
    isWhole,
  }: { readonly checkingClient: CheckingClient; readonly conversationId: string; readonly isWhole: boolean },
  accepted: readonly Said[],
  messages: readonly Dynamic[],
): string[] {
  const breaches: string[] = [];
  const expect = (holds: boolean, what: string) => {
    if (!holds) breaches.push(`${conversationId}: ${what}`);
  };
  const byId = Map.groupBy(messages, (message) => message.messageId as string);
  const repliesTo = Map.groupBy(messages, (message) => message.replyToMessageId as string);
  for (const [id, same] of byId) expect(same.length === 1, `${id} is ${same.length} times in history`);
  for (const said of accepted) {
    const id: string = said.accepted.messageId;
    const stored = byId.get(id)?.[0];
    if (stored === undefined) {
      expect(false, `accepted ${id} is not in history`);
      continue;
    }
    expect(
      stored.sequence === said.accepted.sequence && textOf(stored) === said.text && isEnclosedIn(said, stored),
      `${id} is not what was accepted`,
    );
    expect(final.has(stored.status), `${id} is ${stored.status}`);
    const replies = repliesTo.get(id) ?? [];
    // What is stopped before its reply has begun has none, which its client is told as a failure.
    const hasNone = stored.status === 'MESSAGE_STATUS_FAILED' || said.failed?.reason === 'STOPPED';
    expect(replies.length === (hasNone ? 0 : 1), `${id} has ${replies.length} replies`);
    if (said.reply !== undefined)
      expect(contentOf(said.reply) === contentOf(replies[0] ?? { parts: [] }), `${id}: told and stored replies differ`);
  }
  const sent = new Set(checkingClient.said.map((said) => said.clientMessageId));
  for (const message of messages) {
    expect(message.role !== 'ROLE_USER' || sent.has(message.clientMessageId), `${message.messageId} was never said`);
  }
  const answered = messages
    .filter((message) => message.role === 'ROLE_ASSISTANT')
    .map((reply) => byId.get(reply.replyToMessageId)?.[0]?.sequence);
  // What the first of them answer stands before all that was looked at: two messages may be on their way at once.
  const known = isWhole ? answered : answered.slice(answered.findIndex((sequence) => sequence !== undefined));
  const late = known.findIndex((sequence, index) => index > 0 && !(sequence > known[index - 1]));
  expect(late < 0, `the reply to ${known[late]} stands behind that to ${known[late - 1]}`);
  return breaches;
}

function isEnclosedIn({ enclosure }: Said, stored: Dynamic): boolean {
  const media = mediaIn(stored);
  return enclosure === undefined ? media.length === 0 : media.length === 1 && enclosure.is(media[0]);
}

/** What a message says, without the URLs, which are new at each read. */
function contentOf(message: Dynamic): string {
  const media = mediaIn(message).map(({ kind, contentType, mediaId, sizeBytes, sha256 }) => {
    return [kind, contentType, mediaId, sizeBytes, sha256.toString('hex')];
  });
  return JSON.stringify([textOf(message), media]);
}
